//! What the gateway does without a person: it looks at the time, the settings and itself, and does what `ota-core` decides.
//!
//! A decision is noted before it is carried out ([`memory`]): a power cut in between costs a window and never repeats one.
//! What is ordered goes through the same methods, gates and audit log as a person's order, and never uses an override.

mod memory;
mod outlook;
mod scene;
mod telling;

use jiff::Timestamp;
use ota_core::{Actor, Decision, InstallOrder, JobId, Window};
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use crate::{DownloadOrder, InstallCommand, Ota, OtaError, ports::LogLevel};

pub use outlook::Outlook;
pub(crate) use scene::Shortages;
pub(crate) use telling::Told;

/// Time between two looks. A change wakes it at once.
const ROUND: Duration = Duration::from_secs(1);
/// Time after which something is tried again that was refused although nothing stood against it.
const REFUSED: Duration = Duration::from_secs(60);

impl Ota {
    /// Asks the repository at the start, and from then on does by itself what the settings want.
    pub(crate) async fn act_by_itself(self: Arc<Self>) {
        // A check that cannot even be started says so in the log.
        _ = self.check_updates(true, false, &Actor::schedule()).await;
        let mut told = Told::default();
        let mut not_before = Duration::ZERO;
        loop {
            if let Some(decision) = self.next_decision().await {
                self.tell_reasons(&mut told, &decision).await;
                if self.parts.clock.boot() >= not_before && !self.carry_out(decision).await {
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
    async fn next_decision(&self) -> Option<Decision> {
        if !self.reconciled.load(Ordering::Acquire) {
            return None;
        }
        self.finish_run().await;
        Some(self.look_ahead().await)
    }

    /// False when it was refused.
    async fn carry_out(self: &Arc<Self>, decision: Decision) -> bool {
        let actor = Actor::schedule();
        match &decision {
            Decision::Wait { .. } => true,
            // It notes itself, as a person's does.
            Decision::Check => {
                // What comes after one that failed is decided by its own pauses.
                _ = self.check_updates(true, false, &actor).await;
                true
            }
            _ => {
                let now = self.parts.clock.now();
                if !self.remember(|state| state.begin(&decision, now)).await {
                    return false;
                }
                let done = self.act(&decision, &actor).await;
                if let Err(error) = &done {
                    if !matches!(decision, Decision::Download { .. }) {
                        self.remember(ota_core::ScheduleState::withdraw).await;
                    }
                    let text = format!("Not begun: {error}");
                    self.log(LogLevel::Warning, "schedule", text).await;
                }
                done.is_ok()
            }
        }
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
        let desk = self.desk.lock().await;
        let waits = |job: &&ota_core::Job| {
            matches!(job.state, ota_core::JobState::Downloaded) && job.work.release_id() == release
        };
        desk.iter().find(waits).map(|job| job.id.clone())
    }
}
