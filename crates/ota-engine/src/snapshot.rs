//! The state of the gateway at one moment, for readers.

use jiff::Timestamp;
use ota_core::{
    BootSelection, BySlot, Job, Release, Running, Settings, SlotHealth, SlotRecord, Verdict, version_order,
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crate::{
    CheckView, DebugView, Figures, Outlook, OverrideView, RecoveryView, Site, UploadsView,
    ports::{Catalog, ComponentView, ResourceUse, SlotUsage},
};

/// Everything that pages and reads show. Cheap to clone; swapped as a whole on every change.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub site: Arc<Site>,
    pub running: Running,
    pub boot: BootSelection,
    pub slots: Arc<BySlot<SlotView>>,
    /// What is updated beside the system.
    pub components: Arc<Vec<ComponentView>>,
    /// Release of the running kernel.
    pub kernel: Arc<str>,
    /// Time since the kernel started.
    pub uptime: Duration,
    pub last_ota: Option<Timestamp>,
    pub catalog: Option<Arc<Catalog>>,
    pub check: CheckState,
    pub settings: Arc<Settings>,
    /// What the gateway is going to do by itself.
    pub outlook: Arc<Outlook>,
    /// When each release that is offered was first seen here.
    pub first_seen: Arc<BTreeMap<String, Timestamp>>,
    /// Verdict for the start of an operation.
    pub safety: Arc<Verdict>,
    /// Whether a person could start an operation: an override that another one has does not help.
    pub may_start: bool,
    /// The override of safety constraints.
    pub force: Arc<OverrideView>,
    /// The running job, or the last one that ended.
    pub job: Option<Arc<JobView>>,
    /// What can be gone back to.
    pub recovery: Arc<RecoveryView>,
    /// What people brought.
    pub uploads: Arc<UploadsView>,
    /// For whoever has to find a fault.
    pub debug: Arc<DebugView>,
    /// By version: how the last attempt here ended, when it did not end well.
    pub last_failures: Arc<BTreeMap<String, String>>,
    /// By version: the same, and where a person cancelled it. The gateway does not try these again by itself.
    pub tried: Arc<BTreeMap<String, String>>,
    /// By version: the components that a release without a system has brought, whose installation is the last that was tried.
    pub brought: Arc<BTreeMap<String, Vec<String>>>,
    pub resources: ResourceUse,
    /// Why nothing can be updated in place in this boot, whatever else changes.
    pub in_place_bar: Option<&'static str>,
}

/// One slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotView {
    pub record: Option<SlotRecord>,
    pub usage: SlotUsage,
    pub health: SlotHealth,
}

/// How the knowledge about updates stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckState {
    pub running: bool,
    pub server: Arc<str>,
    /// The last successful check.
    pub last: Option<Timestamp>,
    pub next: Option<Timestamp>,
    /// Why the latest attempt failed.
    pub error: Option<Arc<str>>,
}

/// A job and how far it is.
#[derive(Debug, Clone, PartialEq)]
pub struct JobView {
    pub job: Job,
    pub figures: Figures,
    pub elapsed: Duration,
    /// The health checks: as they stand while they are asked, and as they ended afterwards.
    pub checks: Vec<CheckView>,
    /// Time until no check is waited for any more, while they are asked.
    pub trial_left: Option<Duration>,
}

impl Snapshot {
    /// The version of the running system, `unknown` when it was not installed by this service.
    #[must_use]
    pub fn running_version(&self) -> &str {
        self.running_record().map_or("unknown", |record| &record.version)
    }

    /// What was written where the running system is.
    #[must_use]
    pub fn running_record(&self) -> Option<&SlotRecord> {
        match self.running {
            Running::Slot(slot) => self.slots.get(slot).record.as_ref(),
            Running::Recovery => self.recovery.slot_record.as_ref(),
        }
    }

    /// The releases that the repository offers, but for what is here already.
    pub fn offered(&self) -> impl Iterator<Item = &Release> {
        let listed = self.catalog.iter().flat_map(|catalog| &catalog.releases);
        listed.filter(|release| !self.has_brought(&release.version))
    }

    /// Whether all that a release without a system brings is current, or newer.
    fn has_brought(&self, version: &str) -> bool {
        let is_here = |name: &String| {
            let component = self.components.iter().find(|component| component.name == *name);
            let current = component.and_then(|component| component.current.as_ref());
            current.is_some_and(|current| version_order(&current.version, version).is_ge())
        };
        self.brought.get(version).is_some_and(|names| names.iter().all(is_here))
    }

    /// The job that has not ended, if there is one.
    #[must_use]
    pub fn open_job(&self) -> Option<&Arc<JobView>> {
        self.job.as_ref().filter(|view| !view.job.state.is_ended())
    }
}
