//! The one place where a job changes.

use jiff::Timestamp;
use ota_core::{Denied, Effect, Job, JobEvent, JobId, JobState, Running, Work};
use std::{mem::discriminant, sync::Arc, time::Duration};

use crate::{
    CheckView, Event, Figures, JobView, Ota, job_audit, job_log,
    ports::{LogLevel, PermittedChange, StepError, StoreError},
};

/// An event that did not change its job.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApplyError {
    #[error("the job is not open")]
    NotOpen,
    #[error(transparent)]
    Denied(#[from] Denied),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Ota {
    /// Applies an event to an open job and makes the result durable.
    pub(crate) async fn apply(&self, id: &JobId, event: JobEvent) -> Result<Option<Effect>, ApplyError> {
        let mut desk = self.desk.lock().await;
        let (job, effect, told) = {
            let Some(job) = desk.iter_mut().find(|job| job.id == *id) else {
                return Err(ApplyError::NotOpen);
            };
            let mut next = job.clone();
            let now = self.parts.clock.now();
            let effect = next.apply(event, now)?;
            let told = is_news(job, &next);
            if next != *job {
                let audit = job_audit::entry(&job.state, &next);
                self.parts.store.save_jobs(&[&next], now, audit.as_slice()).await?;
                *job = next;
            }
            if told && let Some(driver) = self.drivers().get(id) {
                driver.gauge.end_step();
            }
            (job.clone(), effect, told)
        };
        desk.retain(|job| !job.state.is_ended());
        if told {
            self.announce(&job, &desk).await;
        }
        Ok(effect)
    }

    /// Says that a job has come into its state, to the log, the snapshot and the bus. The caller holds the desk with its `open`
    /// jobs, so whoever reads the job afterwards finds everything else as new as the job.
    pub(crate) async fn announce(&self, job: &Job, open: &[Job]) {
        let (level, line) = job_log::line(job);
        self.log(level, "ota", line).await;
        if job.state.is_ended() {
            self.settle(job, open).await;
        }
        self.refresh_slots(open).await;
        self.put_on_show(job);
        // One that waits for somebody is not hidden behind one that is over.
        if job.state.is_ended()
            && let Some(other) = open.iter().rev().find(|other| other.id != job.id)
        {
            self.put_on_show(other);
        }
        self.tell(Event::System);
    }

    /// What is left to do when a job has ended: the boot environment and the records say so too, and staging is empty.
    async fn settle(&self, job: &Job, open: &[Job]) {
        match job.state {
            JobState::Committed if !job.has_come_to_slot() => {}
            JobState::Committed => {
                self.give_up_order(job).await;
                self.keep_bundle(job, open).await;
                self.refresh_recovery().await;
            }
            JobState::Completed => {}
            _ => {
                self.give_up_order(job).await;
                self.leave_target(job, open).await;
            }
        }
        if matches!(job.state, JobState::RolledBack { .. })
            && !self.target_runs(job)
            && let Err(error) = self.mark_record(job.target, false).await
        {
            tracing::error!(%error, "the record of the slot that was rolled back still says good");
        }
        // Staging belongs to whoever downloads; the next job that ends alone, or the next start, sweeps it.
        if !self.drivers().keys().any(|id| *id != job.id) {
            self.sweep_staging(open).await;
        }
        self.remember_failures().await;
        self.end_override_of(&job.id).await;
    }

    async fn give_up_order(&self, job: &Job) {
        if let Err(error) = self.withdraw_order(job).await {
            // The next start finds that the job has ended, and drops the order.
            tracing::error!(%error, "the order of a job that has ended is still there");
        }
    }

    /// A job that did not succeed must not leave its slot next, whatever it was doing when it ended.
    async fn leave_target(&self, job: &Job, open: &[Job]) {
        let other = job.target.other();
        let of_another = open.iter().any(|other| other.id != job.id && other.state.is_armed());
        if self.target_runs(job)
            || of_another
            || !job.has_come_to_slot()
            || matches!(job.work, Work::Snapshot(_))
        {
            return;
        }
        let left = async {
            let next = self.parts.boot.read().await?.next_boot();
            let tries = self.tries_of_running();
            if matches!(job.state, JobState::RolledBack { .. }) {
                self.parts.boot.commit(PermittedChange::disarm(job.target, other, tries)).await?;
            } else if next == Some(job.target) {
                self.parts.boot.commit(PermittedChange::stand_down(job, other, tries)).await?;
            }
            Ok::<_, StepError>(())
        };
        if let Err(error) = left.await {
            let text = format!("{}: the boot order may still name slot {}: {error}", job.id, job.target);
            self.log(LogLevel::Error, "boot", text).await;
        }
    }

    /// What the slot in whose favour another one stands down gets. Where the recovery system runs, that slot does not start.
    pub(super) fn tries_of_running(&self) -> u8 {
        match self.parts.slots.running() {
            Running::Slot(_) => self.parts.site.rollback_retries,
            Running::Recovery => 0,
        }
    }

    /// Removes staged files that none of the `open` jobs needs.
    pub(crate) async fn sweep_staging(&self, open: &[Job]) {
        let release = |job: &Job| match &job.work {
            Work::Release(release) => Some(release.target.clone()),
            _ => None,
        };
        let keep: Vec<_> = open.iter().filter_map(release).collect();
        if let Err(error) = self.parts.fetcher.sweep(&keep).await {
            tracing::warn!(%error, "staging cannot be cleaned");
        }
    }

    /// A job as it stands now.
    pub(crate) fn view(&self, job: &Job) -> JobView {
        let (now, boot) = (self.parts.clock.now(), self.parts.clock.boot());
        let gauge = self.drivers().get(&job.id).map(|driver| Arc::clone(&driver.gauge));
        let gauge = gauge.filter(|_| !job.state.is_ended());
        let figures = gauge.as_ref().map_or_else(|| Figures::resting(job), |gauge| gauge.sample(job, boot));
        let asked = gauge.and_then(|gauge| gauge.checks(boot));
        let (checks, trial_left) = match asked {
            Some((checks, left)) => (checks, Some(left)),
            None => (CheckView::ended(job), None),
        };
        let elapsed = elapsed(job.created_at, job.ended_at.unwrap_or(now));
        JobView { job: job.clone(), figures, elapsed, checks, trial_left }
    }

    /// Makes this the job that the page shows, unless an open one of somebody's is there and this one has ended.
    pub(crate) fn put_on_show(&self, job: &Job) {
        let view = Arc::new(self.view(job));
        self.update(|snapshot| {
            let other_is_open = snapshot.open_job().is_some_and(|shown| shown.job.id != job.id);
            if !(other_is_open && job.state.is_ended()) {
                snapshot.job = Some(Arc::clone(&view));
            }
        });
        self.tell(Event::Progress(view));
    }

    /// Makes durable how far the job is, so that nobody sees it go backwards after the process was killed.
    pub(crate) async fn keep_progress(&self, id: &JobId) {
        let mut desk = self.desk.lock().await;
        let gauge = self.drivers().get(id).map(|driver| Arc::clone(&driver.gauge));
        let (Some(job), Some(gauge)) = (desk.iter_mut().find(|job| job.id == *id), gauge) else { return };
        let mut next = job.clone();
        if !next.come_to(gauge.fraction()) {
            return;
        }
        match self.parts.store.save_jobs(&[&next], self.parts.clock.now(), &[]).await {
            Ok(()) => *job = next,
            // It is shown when the store can take it again.
            Err(error) => tracing::warn!(%error, job = %id, "progress cannot be saved"),
        }
    }

    /// Shows the job again if it is still open.
    pub(crate) async fn show(&self, id: &JobId) {
        let job = self.desk.lock().await.iter().find(|job| job.id == *id).cloned();
        if let Some(job) = job {
            self.put_on_show(&job);
        }
    }

    /// At the start: the open job that was made last, or else the one that ended last.
    pub(crate) async fn show_newest_job(&self) -> Result<(), StoreError> {
        let open = self.desk.lock().await.last().cloned();
        let newest = match open {
            Some(job) => Some(job),
            None => self.parts.store.recent_jobs(1).await?.into_iter().next(),
        };
        if let Some(job) = newest {
            self.put_on_show(&job);
        }
        Ok(())
    }
}

/// Whether people want to hear of the change: another state, another step, or other reasons to wait.
fn is_news(before: &Job, after: &Job) -> bool {
    use JobState as S;
    match (&before.state, &after.state) {
        (S::Held { reasons: old, .. }, S::Held { reasons: new, .. }) => old != new,
        (S::Installing { step: old }, S::Installing { step: new }) => old != new,
        (S::Rolling { .. }, S::Rolling { .. }) => before.state != after.state,
        (S::AwaitingReboot { armed: old }, S::AwaitingReboot { armed: new }) => {
            old != new && *new == ota_core::Arming::Yes
        }
        (S::Trial { failed: old }, S::Trial { failed: new }) => old != new,
        (old, new) => discriminant(old) != discriminant(new),
    }
}

fn elapsed(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}
