use async_trait::async_trait;
use jiff::Timestamp;
use ota_core::{ArmGate, Clearance, ComponentPlace, ComponentVersion, ImageFacts, WriteGate};
use std::{path::PathBuf, sync::Arc};
use tokio_util::sync::CancellationToken;

use super::{HealthCheck, Meter, StepError};

/// A component as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComponentView {
    /// Slot class of its images.
    pub name: String,
    /// What is current; none where nothing is.
    pub current: Option<ComponentVersion>,
    /// SHA-256 of what is current.
    pub sha256: Option<String>,
    pub installed_at: Option<Timestamp>,
    /// The version in the place that is not current, where it is proven.
    pub former: Option<String>,
}

/// A signed image of a component and the place that it goes into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComponentImage {
    /// The class is the component's name.
    pub image: ImageFacts,
    /// The signed version.
    pub version: String,
    pub place: ComponentPlace,
}

/// The components of this gateway: what is updated beside the system, each in two places of which one is current.
#[async_trait]
pub trait Components: Send + Sync {
    /// Names, in the order in which they have their turn.
    fn names(&self) -> &[String];

    /// What a component that has been activated is asked; empty for a name that there is none of.
    fn checks(&self, name: &str) -> &[Arc<dyn HealthCheck>];

    /// How each of them stands, in the order of [`Components::names`].
    ///
    /// # Errors
    /// `InstallFailed` when it cannot be found out.
    async fn list(&self) -> Result<Vec<ComponentView>, StepError>;

    /// Checks that the image fits into the place.
    ///
    /// # Errors
    /// `InsufficientSpace`, `InvalidImage`.
    async fn check_fit(&self, image: &ComponentImage) -> Result<(), StepError>;

    /// Writes the image, which is in the bundle in the file `source`, and flushes it. What the place held before does not count any more
    /// from before the first byte on.
    ///
    /// # Errors
    /// `InstallFailed`; also for the place that is current, which is never written.
    async fn write(
        &self,
        image: &ComponentImage,
        source: PathBuf,
        clearance: Clearance<WriteGate>,
        meter: &Meter,
        cancel: &CancellationToken,
    ) -> Result<(), StepError>;

    /// Reads the place past the page cache, compares it with the signed hash, and records durably that they are the same.
    ///
    /// # Errors
    /// [`StepError::Differs`], `InstallFailed`.
    async fn read_back(
        &self,
        image: &ComponentImage,
        meter: &Meter,
        cancel: &CancellationToken,
    ) -> Result<(), StepError>;

    /// Makes the place current, in one durable step, and runs the component's command. Only a place whose record says that it holds
    /// this image, read back.
    ///
    /// # Errors
    /// `InstallFailed`; the place may be current then.
    async fn activate(&self, image: &ComponentImage, clearance: Clearance<ArmGate>) -> Result<(), StepError>;

    /// Makes `former` current again, or nothing where there was nothing, and runs the command. What is left in the other place is not
    /// made current again. The inner error says why the command failed: the former place is current all the same.
    ///
    /// # Errors
    /// `InstallFailed` when it cannot be made current.
    async fn put_back(
        &self,
        name: &str,
        former: Option<ComponentPlace>,
        clearance: Clearance<ArmGate>,
    ) -> Result<Result<(), String>, StepError>;
}
