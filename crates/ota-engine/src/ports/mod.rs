//! What the engine needs from the world. Adapters live in `ota-platform` and `ota-store`.

mod audit;
mod boot;
mod clock;
mod debug;
mod fetch;
mod health;
mod kept;
mod meter;
mod pins;
mod repository;
mod resumable;
mod safety;
mod slots;
mod snapshots;
mod step;
mod store;
mod telemetry;
mod uploads;

pub use audit::{AuditPage, AuditQuery};
pub use boot::{BootEnvironment, PermittedChange, Reboot};
pub use clock::Clock;
pub use debug::{DebugBundle, DebugBundles, DebugContent, Scene};
pub use fetch::{Bundles, Fetcher};
pub use health::HealthCheck;
pub use kept::{KeptBundle, KeptBundles};
pub use meter::Meter;
pub use pins::{PinStore, SecretCheck, StoredPin};
pub use repository::{Repository, RepositoryError};
pub use resumable::{InvalidUploadId, NewUpload, ResumableUploads, ResumeFault, UnfinishedUpload, UploadId};
pub use safety::Sensors;
pub use slots::{ImageSource, ReadBack, SlotUsage, Slots};
pub use snapshots::{NewSnapshot, SnapshotFacts, Snapshots};
pub use step::StepError;
pub use store::{Catalog, Fact, LogEntry, LogLevel, LogPage, Store, StoreError, UnknownLevel};
pub use telemetry::{ResourceUse, Telemetry};
pub use uploads::{Body, BrokenBody, ReceivedFile, StoredImage, UploadFault, Uploads};
