//! Images as a gateway and its health check see them.

use ota_publish::image::{self, Content, ImageError, ImageSpec};
use std::path::Path;
use std::process::Command;

fn debugfs(image: &Path, request: &str) -> String {
    let output = Command::new("/sbin/debugfs").arg("-R").arg(request).arg(image).output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

fn small(version: &str) -> ImageSpec {
    ImageSpec::new(version, "6.1.34-LTS").with_size(4 << 20)
}

#[test]
fn a_healthy_image_says_ok_and_carries_its_version() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("rootfs.img");
    image::build(&small("v5.0.5"), &path).unwrap();
    assert_eq!(debugfs(&path, "cat /etc/gateway-ota/health"), "ok\n");
    let os_release = debugfs(&path, "cat /etc/os-release");
    assert!(os_release.contains("VERSION=\"v5.0.5\""), "{os_release}");
    assert!(os_release.contains("6.1.34-LTS"), "{os_release}");
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 4 << 20);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "nothing is left beside the image");
}

#[test]
fn an_unhealthy_image_has_no_health_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("rootfs.img");
    image::build(&small("v5.0.6").with_content(Content::Unhealthy), &path).unwrap();
    assert_eq!(debugfs(&path, "cat /etc/gateway-ota/health"), "");
    assert!(debugfs(&path, "cat /etc/os-release").contains("v5.0.6"));
}

#[test]
fn the_file_system_is_sound_and_belongs_to_root() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("rootfs.img");
    image::build(&small("v5.0.5"), &path).unwrap();
    let check = Command::new("/sbin/e2fsck").arg("-fn").arg(&path).output().unwrap();
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stdout));
    let inode = debugfs(&path, "stat /etc/os-release");
    assert!(inode.contains("User:     0   Group:     0"), "{inode}");
}

#[test]
fn one_version_always_gives_the_same_bytes_and_another_gives_others() {
    let directory = tempfile::tempdir().unwrap();
    let build = |name: &str, version: &str| {
        let path = directory.path().join(name);
        image::build(&small(version), &path).unwrap();
        image::sha256(&path).unwrap()
    };
    let first = build("first", "v5.0.5");
    // ext4 keeps whole seconds in places: the second build must really happen in another second.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    assert_eq!(first, build("second", "v5.0.5"));
    assert_ne!(first, build("third", "v5.1.0"));
}

#[test]
fn a_demo_image_compresses_about_two_to_one() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("rootfs.img");
    image::build(&ImageSpec::new("v5.0.5", "6.1.34-LTS"), &path).unwrap();
    let size = std::fs::metadata(&path).unwrap().len();
    assert_eq!(size, 64 << 20);
    let packed = directory.path().join("rootfs.img.gz");
    let gzip = Command::new("gzip").args(["-1", "-k"]).arg(&path).status().unwrap();
    assert!(gzip.success());
    let ratio = size as f64 / std::fs::metadata(&packed).unwrap().len() as f64;
    assert!((1.7..=2.3).contains(&ratio), "compresses {ratio:.2}:1");
}

#[test]
fn sizes_and_names_that_cannot_be_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("rootfs.img");
    for size in [0, 4096, (1 << 20) + 1] {
        let error = image::build(&small("v1").with_size(size), &path).unwrap_err();
        assert!(matches!(error, ImageError::Size { .. }), "{error}");
    }
    for version in ["", "v1\"\nID=x", "v 1", "../v1"] {
        let error = image::build(&small(version), &path).unwrap_err();
        assert!(matches!(error, ImageError::Name { .. }), "{version:?}: {error}");
    }
    assert!(!path.exists());
}
