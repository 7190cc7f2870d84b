//! Components: what is updated beside the system, each in two places of which one is current.
//!
//! In `components/NAME/` of the data directory, `current` is a symbolic link to the place that is current: the running system follows it,
//! and one rename switches it. `a.json` and `b.json` say what the places hold; one is removed before the first byte is written to its
//! place, and is there again when the place was read back.

mod record;

use crate::blocking::metered;
use crate::causes::causes;
use crate::health::program;
use crate::slots::{check_fit, compare, write_image};
use async_trait::async_trait;
use ota_core::{ArmGate, Clearance, ComponentPlace, ComponentVersion, FailureCode, WriteGate};
use ota_engine::ports::{ComponentImage, ComponentView, Components, HealthCheck, Meter, StepError};
use raucb::Policy;
use record::{Record, Shelf};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

/// The environment of a component's programs: its name, and the link to the place that is current.
const NAME: &str = "GATEWAY_OTA_COMPONENT";
const CURRENT: &str = "GATEWAY_OTA_COMPONENT_CURRENT";

/// One component.
#[derive(Clone)]
pub struct ComponentConfig {
    /// Slot class of its images.
    pub name: String,
    /// Its places: files or block devices.
    pub a: PathBuf,
    pub b: PathBuf,
    /// Program and arguments that bring up what is current.
    pub activate: Vec<String>,
    /// After this the program and all that it started are killed.
    pub timeout: Duration,
    pub checks: Vec<Arc<dyn HealthCheck>>,
}

/// Which components there are.
#[derive(Clone)]
pub struct ComponentsConfig {
    /// The `components` directory.
    pub directory: PathBuf,
    /// In the order in which they have their turn.
    pub components: Vec<ComponentConfig>,
    /// Places of others, which are never written.
    pub others: Vec<PathBuf>,
    /// Who may sign what is written.
    pub policy: Policy,
}

/// Components behind the engine's port.
pub struct DeviceComponents {
    config: ComponentsConfig,
    names: Vec<String>,
}

impl DeviceComponents {
    #[must_use]
    pub fn new(config: ComponentsConfig) -> Self {
        let names = config.components.iter().map(|component| component.name.clone()).collect();
        Self { config, names }
    }

    /// What the programs of the component `name` have in their environment.
    #[must_use]
    pub fn environment(directory: &Path, name: &str) -> Vec<(String, String)> {
        let current = Shelf::within(directory, name).link().display().to_string();
        vec![(NAME.to_owned(), name.to_owned()), (CURRENT.to_owned(), current)]
    }

    /// Writes the image into the first place and makes it current, without running anything: for a gateway on which nothing runs yet.
    ///
    /// # Errors
    /// As [`Components::write`] and [`Components::read_back`].
    pub async fn commission(
        &self,
        image: &ComponentImage,
        source: PathBuf,
        clearance: Clearance<WriteGate>,
    ) -> Result<(), StepError> {
        let (meter, cancel) = (Meter::default(), CancellationToken::new());
        self.check_fit(image).await?;
        self.write(image, source, clearance, &meter, &cancel).await?;
        self.read_back(image, &meter, &cancel).await?;
        let (component, shelf) = self.find(&image.image.class)?;
        let place = place(component, image.place).to_owned();
        blocking(move || shelf.switch(Some(&place)).map_err(|error| unusable(&shelf, &error))).await
    }

    fn find(&self, name: &str) -> Result<(&ComponentConfig, Shelf), StepError> {
        let component = self.config.components.iter().find(|component| component.name == name);
        let component = component.ok_or_else(|| {
            let message = format!("This gateway has no component {name}.");
            StepError::failed(FailureCode::InvalidImage, message, "not configured")
        })?;
        Ok((component, Shelf::within(&self.config.directory, name)))
    }

    /// What must never be written while `place` of `component` is.
    fn others(&self, component: &ComponentConfig, written: ComponentPlace) -> Vec<PathBuf> {
        let places = self.config.components.iter().flat_map(|other| [&other.a, &other.b]);
        let places = places.chain(&self.config.others).filter(|path| *path != place(component, written));
        // What is not there is nobody's place.
        places.filter(|path| path.exists()).cloned().collect()
    }

    async fn run(&self, component: &ComponentConfig) -> Result<(), String> {
        let environment = Self::environment(&self.config.directory, &component.name);
        program::run(&component.activate, &environment, component.timeout).await?.success()
    }
}

#[async_trait]
impl Components for DeviceComponents {
    fn names(&self) -> &[String] {
        &self.names
    }

    fn checks(&self, name: &str) -> &[Arc<dyn HealthCheck>] {
        self.find(name).map_or(&[], |(component, _)| component.checks.as_slice())
    }

    async fn list(&self) -> Result<Vec<ComponentView>, StepError> {
        let (components, directory) = (self.config.components.clone(), self.config.directory.clone());
        blocking(move || {
            components
                .iter()
                .map(|component| view(component, &Shelf::within(&directory, &component.name)))
                .collect()
        })
        .await
    }

    async fn check_fit(&self, image: &ComponentImage) -> Result<(), StepError> {
        let (component, _) = self.find(&image.image.class)?;
        let (place, image) = (place(component, image.place).to_owned(), image.image.clone());
        blocking(move || check_fit(&image, &place)).await
    }

    async fn write(
        &self,
        image: &ComponentImage,
        source: PathBuf,
        _clearance: Clearance<WriteGate>,
        meter: &Meter,
        cancel: &CancellationToken,
    ) -> Result<(), StepError> {
        let (component, shelf) = self.find(&image.image.class)?;
        let others = self.others(component, image.place);
        let (written, component, policy) = (image.clone(), component.clone(), self.config.policy.clone());
        metered(image.image.size, meter, cancel, move |control| {
            if current(&component, &shelf)? == Some(written.place) {
                return Err(is_current(&written));
            }
            let target = place(&component, written.place);
            shelf.forget(written.place).map_err(|error| unusable(&shelf, &error))?;
            write_image(&written.image, target, others, &source, &policy, control)
        })
        .await
    }

    async fn read_back(
        &self,
        image: &ComponentImage,
        meter: &Meter,
        cancel: &CancellationToken,
    ) -> Result<(), StepError> {
        let (component, shelf) = self.find(&image.image.class)?;
        let (compared, place) = (image.clone(), place(component, image.place).to_owned());
        metered(image.image.size, meter, cancel, move |control| {
            compare(&compared.image, &place, control)?;
            let record = Record::of(&compared);
            shelf.record(compared.place, &record).map_err(|error| unusable(&shelf, &error))
        })
        .await
    }

    async fn activate(
        &self,
        image: &ComponentImage,
        _clearance: Clearance<ArmGate>,
    ) -> Result<(), StepError> {
        let (component, shelf) = self.find(&image.image.class)?;
        let (wanted, place) = (image.clone(), place(component, image.place).to_owned());
        blocking(move || {
            let record = shelf.read(wanted.place).map_err(|error| unusable(&shelf, &error))?;
            if !record.is_some_and(|record| record.holds(&wanted)) {
                return Err(is_not_proven(&wanted));
            }
            shelf.switch(Some(&place)).map_err(|error| unusable(&shelf, &error))
        })
        .await?;
        self.run(component).await.map_err(|reason| {
            let message = format!("the command of {} failed: {reason}", component.name);
            StepError::failed(FailureCode::InstallFailed, message, format!("{:?}", component.activate))
        })
    }

    async fn put_back(
        &self,
        name: &str,
        former: Option<ComponentPlace>,
        _clearance: Clearance<ArmGate>,
    ) -> Result<Result<(), String>, StepError> {
        let (component, shelf) = self.find(name)?;
        let target = former.map(|former| place(component, former).to_owned());
        blocking(move || {
            let switched = shelf.switch(target.as_deref()).and_then(|()| {
                // It holds what was signed, and has not proved itself.
                let left = former.map_or(ComponentPlace::A, ComponentPlace::other);
                shelf.distrust(left)
            });
            switched.map_err(|error| unusable(&shelf, &error))
        })
        .await?;
        Ok(self.run(component).await)
    }
}

fn place(component: &ComponentConfig, place: ComponentPlace) -> &Path {
    match place {
        ComponentPlace::A => &component.a,
        ComponentPlace::B => &component.b,
    }
}

/// The place that the link leads to.
fn current(component: &ComponentConfig, shelf: &Shelf) -> Result<Option<ComponentPlace>, StepError> {
    let Some(target) = shelf.target().map_err(|error| unusable(shelf, &error))? else { return Ok(None) };
    let found = ComponentPlace::ALL.into_iter().find(|one| place(component, *one) == target);
    found.map(Some).ok_or_else(|| {
        let message = format!(
            "What is current of {} is none of its places. Correct the configuration, or the link to it.",
            component.name
        );
        StepError::failed(
            FailureCode::InstallFailed,
            message,
            format!("the link leads to {}", target.display()),
        )
    })
}

fn view(component: &ComponentConfig, shelf: &Shelf) -> Result<ComponentView, StepError> {
    let read = |place| shelf.read(place).map_err(|error| unusable(shelf, &error));
    let mut view = ComponentView {
        name: component.name.clone(),
        current: None,
        sha256: None,
        installed_at: None,
        former: None,
    };
    if let Some(place) = current(component, shelf)? {
        let record = read(place)?;
        let version = record.as_ref().map_or_else(|| "unknown".to_owned(), |record| record.version.clone());
        view.current = Some(ComponentVersion { version, place });
        view.sha256 = record.as_ref().map(|record| record.sha256.clone());
        view.installed_at = record.map(|record| record.installed_at);
        view.former = read(place.other())?.filter(|record| record.verified).map(|record| record.version);
    }
    Ok(view)
}

fn is_current(image: &ComponentImage) -> StepError {
    let message =
        format!("Place {} of {} is current and is never overwritten.", image.place, image.image.class);
    StepError::failed(FailureCode::InstallFailed, message, "asked to write what is current")
}

fn is_not_proven(image: &ComponentImage) -> StepError {
    let message =
        format!("Place {} of {} is not proven to hold the new image.", image.place, image.image.class);
    StepError::failed(FailureCode::InstallFailed, message, "its record does not say so")
}

fn unusable(shelf: &Shelf, error: &std::io::Error) -> StepError {
    let message =
        "What is known about a component cannot be read or written. Check the storage of the gateway.";
    StepError::failed(FailureCode::InstallFailed, message, format!("{}: {error}", shelf.link().display()))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StepError> + Send + 'static,
) -> Result<T, StepError> {
    let failed = "The components could not be examined. Try again.";
    spawn_blocking(work)
        .await
        .map_err(|error| StepError::failed(FailureCode::InstallFailed, failed, causes(&error)))?
}
