//! What a decision of the gateway is made of.

use jiff::Timestamp;
use std::time::Duration;

use crate::{Calendar, JobId, Release, Settings, UpdateKind};

/// What holds for all updates of a gateway at one moment.
#[derive(Debug, Clone)]
pub struct Facts<'a> {
    /// The gateway's id, for example `GW-3920A9`.
    pub gateway: &'a str,
    pub model: &'a str,
    /// The version that runs.
    pub running: &'a str,
    /// The oldest version that may run.
    pub floor: Option<&'a str>,
    pub settings: &'a Settings,
    /// The maintenance windows; none where they are switched off.
    pub calendar: Option<&'a Calendar>,
    /// Time between two checks as the site's configuration has it.
    pub site_check_interval: Option<Duration>,
    pub gates: Gates,
    pub offers: Vec<Offer<'a>>,
    /// An installed update that waits for its restart.
    pub restart: Option<WaitingRestart<'a>>,
}

/// What the gates would answer a person now: a sentence for each interlock and operation that stands against it; nothing where
/// it may be done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gates {
    pub download: Vec<String>,
    pub install: Vec<String>,
    pub reboot: Vec<String>,
}

/// A release that the repository offers, and what is known about it here.
#[derive(Debug, Clone)]
pub struct Offer<'a> {
    pub release: &'a Release,
    /// When this gateway first saw it in the repository.
    pub first_seen: Option<Timestamp>,
    /// It is downloaded and verified.
    pub downloaded: bool,
    /// A sentence where there is no room for it, or for the snapshot that its installation takes.
    pub shortage: Option<String>,
    /// A sentence where it cannot be installed with the strategy of the settings.
    pub strategy_refused: Option<String>,
    /// A sentence where this version was tried here and failed, was rolled back, or was cancelled by a person.
    pub failed_before: Option<String>,
    /// What its installation is expected to take as the settings have it: with the download if that is missing, and with
    /// restart and trial if the restart is automatic.
    pub estimate: Duration,
}

/// An installed update that waits for its restart.
#[derive(Debug, Clone)]
pub struct WaitingRestart<'a> {
    pub job: &'a JobId,
    /// What the update is for, where it is a release.
    pub kind: Option<UpdateKind>,
    /// What restart and trial are expected to take.
    pub estimate: Duration,
}
