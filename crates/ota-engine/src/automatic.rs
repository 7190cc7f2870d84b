//! What the gateway does without a person: it looks at the time, the settings and itself, and does what `ota-core` decides.
//!
//! A decision is noted before it is carried out ([`memory`]): a power cut in between costs a window and never repeats one.
//! What is ordered goes through the same methods, gates and audit log as a person's order, and never uses an override.

mod memory;
mod outlook;
mod scene;
mod telling;

use jiff::Timestamp;
use ota_core::{Actor, Decision, InstallOrder, JobId, Settings, Window};
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use crate::{DownloadOrder, InstallCommand, Ota, OtaError};

pub use outlook::Outlook;
pub(crate) use scene::Shortages;
pub(crate) use telling::Told;

/// Time between two looks. A change wakes it at once.
const ROUND: Duration = Duration::from_secs(1);
/// Time after which something is tried again that was refused although nothing stood against it.
const REFUSED: Duration = Duration::from_secs(60);
/// The longest time that everything else waits for a check: what it brings may be what is to be done, and a slow repository must not
/// cost a window.
const PATIENCE: Duration = Duration::from_secs(30);

/// What was decided, and the settings that it was decided by.
type Decided = (Decision, Arc<Settings>);

impl Ota {
    /// Asks the repository at the start, and from then on does by itself what the settings want.
    pub(crate) async fn act_by_itself(self: Arc<Self>) {
        self.ask_repository().await;
        let mut told = Told::default();
        let mut not_before = Duration::ZERO;
        loop {
            if let Some(decided) = self.next_decision().await {
                self.tell_reasons(&mut told, &decided.0).await;
                if self.parts.clock.boot() >= not_before && !self.carry_out(decided, &mut told).await {
                    not_before = self.parts.clock.boot().saturating_add(REFUSED);
                }
            }
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = self.reconsider.notified() => {}
                () = tokio::time::sleep(ROUND) => {}
            }
        }
    }

    /// None while nobody knows what the jobs are doing.
    async fn next_decision(&self) -> Option<Decided> {
        if !self.reconciled.load(Ordering::Acquire) {
            return None;
        }
        self.finish_run().await;
        Some(self.look_ahead().await)
    }

    /// False when it was refused.
    async fn carry_out(self: &Arc<Self>, (decision, by): Decided, told: &mut Told) -> bool {
        match &decision {
            Decision::Wait { .. } => true,
            Decision::Check => {
                self.ask_repository().await;
                true
            }
            _ => {
                // Nobody changes the settings between the last look at them and what is done by them.
                let _lane = self.settings_lane.lock().await;
                if *by != *self.snapshot().settings {
                    return true;
                }
                let now = self.parts.clock.now();
                if !self.remember(|state| state.begin(&decision, now)).await {
                    return false;
                }
                let Err(error) = self.act(&decision, &Actor::schedule()).await else {
                    told.accepted();
                    return true;
                };
                if !matches!(decision, Decision::Download { .. }) {
                    self.remember(ota_core::ScheduleState::withdraw).await;
                }
                self.tell_refusal(told, &error).await;
                false
            }
        }
    }

    /// A check notes itself, as a person's does, and says in the log when it fails. What comes after one that failed is decided by
    /// its own pauses.
    async fn ask_repository(self: &Arc<Self>) {
        _ = tokio::time::timeout(PATIENCE, self.check_updates(true, false, &Actor::schedule())).await;
    }

    async fn act(self: &Arc<Self>, decision: &Decision, actor: &Actor) -> Result<(), OtaError> {
        match decision {
            Decision::Check | Decision::Wait { .. } => Ok(()),
            Decision::Download { release } => self.fetch_release(release, None, None, actor).await,
            Decision::Install { release, reboot_after, window } => {
                let order = InstallOrder { reboot_after: *reboot_after, ..InstallOrder::default() };
                let until = window.map(|window| window.end);
                match self.downloaded_job(release).await {
                    Some(job) => self.install_job(job, order, until, actor).await,
                    None => self.fetch_release(release, Some(order), until, actor).await,
                }
            }
            Decision::Reboot { job, window } => {
                let until = window.as_ref().map(|window: &Window| window.end);
                self.reboot_until("maintenance window", until, actor).await.map(|started| {
                    tracing::debug!(%job, waiting = ?started.job, "the maintenance window restarts");
                })
            }
        }
    }

    async fn fetch_release(
        self: &Arc<Self>,
        release: &str,
        install: Option<InstallOrder>,
        restart_until: Option<Timestamp>,
        actor: &Actor,
    ) -> Result<(), OtaError> {
        let order = DownloadOrder {
            update_id: release.to_owned(),
            version: None,
            target: None,
            verify_signature: true,
            install,
            strategy: None,
            restart_until,
        };
        self.start_download(order, actor).await.map(drop)
    }

    async fn install_job(
        self: &Arc<Self>,
        job: JobId,
        order: InstallOrder,
        restart_until: Option<Timestamp>,
        actor: &Actor,
    ) -> Result<(), OtaError> {
        self.install(InstallCommand { job, strategy: None, order, restart_until }, actor).await.map(drop)
    }

    /// The job that has downloaded and verified this release and waits.
    async fn downloaded_job(&self, release: &str) -> Option<JobId> {
        let snapshot = self.snapshot();
        let release = snapshot.offered().find(|offered| offered.id == release)?;
        let desk = self.desk.lock().await;
        desk.iter().find(|job| scene::waits_with(job, release)).map(|job| job.id.clone())
    }
}
