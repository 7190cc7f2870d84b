//! Use cases, ports and the job runner of Gateway OTA.
//!
//! [`Ota`] is the door: every route and every timer goes through its methods. It owns the open jobs, feeds their events to
//! the pure state machine of `ota-core`, makes each new state durable before its effect is performed, and performs effects
//! through [`ports`]. Readers never wait for it: they take the [`Snapshot`] of the moment.

mod audit;
mod automatic;
mod check;
mod debug;
mod error;
mod event;
mod factory;
mod figures;
mod in_place;
mod job_audit;
mod job_log;
mod monitor;
mod new_job;
mod ota;
mod overrides;
mod pace;
mod pins;
pub mod ports;
mod reboot;
mod recovery;
mod recovery_image;
mod resumable;
mod runner;
mod safety;
mod schedule;
mod scrub;
mod settings;
mod site;
mod slot_order;
mod slot_view;
mod snapshot;
mod snapshots;
mod strategy;
mod updates;
mod upload;

pub use automatic::Outlook;
pub use check::CheckStarted;
pub use debug::{DebugView, Unmade};
pub use error::{OpenError, OtaError};
pub use event::{Change, Event};
pub use factory::FactoryOrder;
pub use figures::{CheckView, Figures};
pub use monitor::InstallCommand;
pub use ota::Ota;
pub use overrides::{OverrideOrder, OverrideView};
pub use reboot::RebootStarted;
pub use recovery::{RecoveryView, RestoreOrder, RollbackOrder};
pub use site::{Parts, Site};
pub use slot_order::{SlotStart, Started};
pub use snapshot::{CheckState, JobView, SlotView, Snapshot};
pub use snapshots::SnapshotCommand;
pub use updates::DownloadOrder;
pub use upload::{DeployOrder, UploadsView};
