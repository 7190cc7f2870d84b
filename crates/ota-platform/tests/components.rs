//! Components on files: what is written, what becomes current, what is put back, and what is refused.

#![cfg(test)]

mod device;

use device::{Gateway, clearance, noise};
use ota_core::{ComponentPlace, FailureCode};
use ota_engine::ports::{ComponentImage, ComponentView, Components, Meter, StepError};
use ota_platform::{ComponentConfig, ComponentsConfig, DeviceComponents};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const NAME: &str = "crane-app";
const SIZE: usize = 256 << 10;

/// A component whose command writes what is current into `started`, and fails while there is a file `broken`.
struct Bench {
    gateway: Gateway,
    components: DeviceComponents,
}

impl Bench {
    fn new() -> Self {
        let gateway = Gateway::new(1 << 20);
        for place in ["a", "b"] {
            fs::write(gateway.path(place), vec![0xaa; SIZE]).unwrap();
        }
        let (started, broken) = (gateway.path("started"), gateway.path("broken"));
        let script = format!(
            "if [ -e {} ]; then echo it does not start; exit 7; fi
             cp \"$GATEWAY_OTA_COMPONENT_CURRENT\" {} 2>/dev/null || rm -f {}",
            broken.display(),
            started.display(),
            started.display()
        );
        let component = ComponentConfig {
            name: NAME.into(),
            a: gateway.path("a"),
            b: gateway.path("b"),
            activate: vec!["/bin/sh".into(), "-c".into(), script],
            timeout: Duration::from_secs(20),
            checks: Vec::new(),
        };
        let components = DeviceComponents::new(ComponentsConfig {
            directory: gateway.path("components"),
            components: vec![component],
            others: vec![gateway.slot(ota_core::SlotId::A)],
            policy: gateway.slots().policy,
        });
        Self { gateway, components }
    }

    /// A signed image of `length` bytes, for a place.
    fn image(&self, length: usize, seed: u64, place: ComponentPlace) -> (PathBuf, ComponentImage) {
        let (path, bundle) = self.gateway.bundle(&format!("{seed}.raucb"), &[(NAME, &noise(length, seed))]);
        let image = bundle.images.first().unwrap().clone();
        (path, ComponentImage { image, version: format!("v{seed}"), place })
    }

    async fn write(&self, (path, image): &(PathBuf, ComponentImage)) -> Result<(), StepError> {
        let (meter, cancel) = (Meter::default(), CancellationToken::new());
        self.components.write(image, path.clone(), clearance(), &meter, &cancel).await
    }

    async fn read_back(&self, image: &ComponentImage) -> Result<(), StepError> {
        self.components.read_back(image, &Meter::default(), &CancellationToken::new()).await
    }

    /// Written, compared and made current.
    async fn bring(&self, image: &(PathBuf, ComponentImage)) {
        self.write(image).await.unwrap();
        self.read_back(&image.1).await.unwrap();
        self.components.activate(&image.1, clearance()).await.unwrap();
    }

    async fn view(&self) -> ComponentView {
        self.components.list().await.unwrap().pop().unwrap()
    }

    fn started(&self) -> Option<Vec<u8>> {
        fs::read(self.gateway.path("started")).ok()
    }

    fn flip(&self, place: &str) {
        let path = self.gateway.path(place);
        let mut bytes = fs::read(&path).unwrap();
        *bytes.get_mut(5000).unwrap() ^= 1;
        fs::write(path, bytes).unwrap();
    }
}

fn code(error: &StepError) -> FailureCode {
    error.failure().map(|failure| failure.code).unwrap()
}

#[tokio::test]
async fn what_is_written_and_compared_becomes_current_and_is_started() {
    let bench = Bench::new();
    assert_eq!(bench.view().await.current, None);
    bench.bring(&bench.image(9000, 1, ComponentPlace::A)).await;
    assert_eq!(bench.started().unwrap().get(..9000).unwrap(), noise(9000, 1));
    let second = bench.image(SIZE, 2, ComponentPlace::B);
    bench.bring(&second).await;
    assert_eq!(bench.started().unwrap(), noise(SIZE, 2));
    let view = bench.view().await;
    let current = view.current.unwrap();
    assert_eq!((current.version.as_str(), current.place), ("v2", ComponentPlace::B));
    assert_eq!((view.former.as_deref(), view.sha256), (Some("v1"), Some(second.1.image.sha256)));
    let link = fs::read_link(bench.gateway.path("components/crane-app/current")).unwrap();
    assert_eq!(link, bench.gateway.path("b"), "a system that runs can follow it");
}

#[tokio::test]
async fn what_is_current_is_never_written() {
    let bench = Bench::new();
    bench.bring(&bench.image(9000, 1, ComponentPlace::A)).await;
    let before = fs::read(bench.gateway.path("a")).unwrap();
    let refused = bench.write(&bench.image(9000, 2, ComponentPlace::A)).await.unwrap_err();
    assert!(refused.to_string().contains("is current and is never overwritten"), "{refused}");
    // Nor under another name, nor somebody else's place.
    for other in ["a", "slot-A.img"] {
        fs::remove_file(bench.gateway.path("b")).unwrap();
        symlink(bench.gateway.path(other), bench.gateway.path("b")).unwrap();
        bench.write(&bench.image(9000, 3, ComponentPlace::B)).await.unwrap_err();
    }
    assert_eq!(fs::read(bench.gateway.path("a")).unwrap(), before);
    assert_eq!(bench.view().await.current.unwrap().version, "v1");
}

#[tokio::test]
async fn one_flipped_bit_is_found_and_nothing_unproven_becomes_current() {
    let bench = Bench::new();
    bench.bring(&bench.image(9000, 1, ComponentPlace::A)).await;
    let second = bench.image(9000, 2, ComponentPlace::B);
    let unproven = bench.components.activate(&second.1, clearance()).await.unwrap_err();
    assert!(unproven.to_string().contains("is not proven"), "{unproven}");
    bench.write(&second).await.unwrap();
    bench.components.activate(&second.1, clearance()).await.unwrap_err();
    bench.flip("b");
    assert!(matches!(bench.read_back(&second.1).await, Err(StepError::Differs { .. })));
    bench.components.activate(&second.1, clearance()).await.unwrap_err();
    // Another signed image than the one that was proven.
    bench.write(&second).await.unwrap();
    bench.read_back(&second.1).await.unwrap();
    let third = bench.image(9000, 3, ComponentPlace::B);
    bench.components.activate(&third.1, clearance()).await.unwrap_err();
    assert_eq!(bench.view().await.current.unwrap().version, "v1");
    assert_eq!(bench.view().await.former.as_deref(), Some("v2"));
    // A write that is given up takes the record of what was there with it.
    let cancel = CancellationToken::new();
    cancel.cancel();
    let given_up =
        bench.components.write(&third.1, third.0.clone(), clearance(), &Meter::default(), &cancel).await;
    assert!(given_up.is_err());
    assert_eq!(bench.view().await.former, None);
}

#[tokio::test]
async fn what_fails_is_put_back_and_not_made_current_again() {
    let bench = Bench::new();
    bench.bring(&bench.image(9000, 1, ComponentPlace::A)).await;
    let second = bench.image(9000, 2, ComponentPlace::B);
    bench.write(&second).await.unwrap();
    bench.read_back(&second.1).await.unwrap();
    fs::write(bench.gateway.path("broken"), "").unwrap();
    let failed = bench.components.activate(&second.1, clearance()).await.unwrap_err();
    assert!(failed.to_string().contains("It ended with status 7: it does not start"), "{failed}");
    let put_back = bench.components.put_back(NAME, Some(ComponentPlace::A), clearance()).await.unwrap();
    assert!(put_back.unwrap_err().contains("status 7"), "it is current all the same");
    assert_eq!(bench.view().await.current.unwrap().version, "v1");
    fs::remove_file(bench.gateway.path("broken")).unwrap();
    // Twice is as good as once.
    for _ in 0..2 {
        bench.components.put_back(NAME, Some(ComponentPlace::A), clearance()).await.unwrap().unwrap();
        assert_eq!(bench.started().unwrap().get(..9000).unwrap(), noise(9000, 1));
    }
    assert_eq!(bench.view().await.former, None, "what failed does not take over");
    bench.components.activate(&second.1, clearance()).await.unwrap_err();
}

#[tokio::test]
async fn where_nothing_was_nothing_is_put_back() {
    let bench = Bench::new();
    bench.bring(&bench.image(9000, 1, ComponentPlace::A)).await;
    bench.components.put_back(NAME, None, clearance()).await.unwrap().unwrap();
    assert_eq!((bench.view().await.current, bench.started()), (None, None));
}

#[tokio::test]
async fn what_does_not_fit_and_what_is_not_here_is_refused() {
    let bench = Bench::new();
    let large = bench.image(SIZE + 1, 1, ComponentPlace::A);
    assert_eq!(
        code(&bench.components.check_fit(&large.1).await.unwrap_err()),
        FailureCode::InsufficientSpace
    );
    assert_eq!(code(&bench.write(&large).await.unwrap_err()), FailureCode::InsufficientSpace);
    let (_, mut strange) = bench.image(9000, 2, ComponentPlace::A);
    strange.image.class = "camera".into();
    assert_eq!(code(&bench.components.check_fit(&strange).await.unwrap_err()), FailureCode::InvalidImage);
    fs::create_dir_all(bench.gateway.path("components/crane-app")).unwrap();
    symlink("/nowhere", bench.gateway.path("components/crane-app/current")).unwrap();
    let lost = bench.components.list().await.unwrap_err();
    assert!(lost.to_string().contains("none of its places"), "{lost}");
}
