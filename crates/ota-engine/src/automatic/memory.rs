//! What was done by itself, over restarts.

use ota_core::{Act, Job, JobState, Outcome, Run, ScheduleState};

use crate::{
    Ota,
    ports::{Fact, Store, StoreError},
};
use jiff::Timestamp;

/// Jobs that are looked through for the one that a run has begun.
const RECENT: u32 = 8;

impl Ota {
    /// What was noted before. Where that cannot be understood, every window up to now counts as used: none is used twice.
    pub(crate) async fn remembered_schedule(
        store: &dyn Store,
        now: Timestamp,
    ) -> Result<ScheduleState, StoreError> {
        let Some(text) = store.fact(Fact::Schedule).await? else { return Ok(ScheduleState::default()) };
        Ok(serde_json::from_str(&text).unwrap_or_else(|error| {
            tracing::error!(%error, "what the schedule has done cannot be read");
            ScheduleState::used_until(now)
        }))
    }

    /// Changes the memory, and makes that durable before it holds. False when it could not.
    pub(crate) async fn remember(&self, change: impl FnOnce(&mut ScheduleState)) -> bool {
        let mut memory = self.schedule.lock().await;
        let mut next = memory.clone();
        change(&mut next);
        if next == *memory {
            return true;
        }
        let saved = match serde_json::to_string(&next) {
            Ok(text) => {
                self.parts.store.put_fact(Fact::Schedule, &text).await.map_err(|error| error.to_string())
            }
            Err(error) => Err(error.to_string()),
        };
        match saved {
            Ok(()) => {
                *memory = next;
                true
            }
            Err(error) => {
                tracing::error!(%error, "what the schedule does cannot be noted, and is not done");
                false
            }
        }
    }

    /// Notes something about a check. Where that cannot be saved it holds until the service ends: the repository is not asked again
    /// and again.
    pub(crate) async fn note_check(&self, change: impl Fn(&mut ScheduleState)) {
        if !self.remember(&change).await {
            change(&mut *self.schedule.lock().await);
        }
    }

    /// Notes what came of the last run, once its job has ended.
    pub(super) async fn finish_run(&self) {
        let last = self.schedule.lock().await.last_run().cloned();
        let Some(run) = last.filter(|run| run.outcome.is_none()) else { return };
        // What is downloaded and waits for its order was not begun by this run, or has been left by it.
        let goes_on = |job: &Job| job.state != JobState::Downloaded && is_of(job, &run);
        if self.desk.lock().await.iter().any(goes_on) {
            return;
        }
        let recent = match self.parts.store.recent_jobs(RECENT).await {
            Ok(recent) => recent,
            Err(error) => {
                tracing::warn!(%error, "the job history cannot be read");
                return;
            }
        };
        let outcome = recent.iter().find(|job| job.state.is_ended() && is_of(job, &run)).map_or_else(
            || Outcome::Failed("the gateway stopped before anything was begun".to_owned()),
            |job| outcome(&job.state),
        );
        self.remember(|state| state.finish(outcome)).await;
    }
}

fn is_of(job: &Job, run: &Run) -> bool {
    match &run.act {
        Act::Install { release } => {
            let ended_before = job.ended_at.is_some_and(|ended| ended < run.began_at);
            job.work.release_id() == release && !ended_before
        }
        Act::Reboot { job: id } => job.id == *id,
    }
}

fn outcome(state: &JobState) -> Outcome {
    match state {
        JobState::Committed | JobState::Completed => Outcome::Succeeded,
        JobState::Cancelled { reason, .. } => Outcome::Failed(format!("cancelled: {reason}")),
        JobState::RolledBack { reason } => Outcome::Failed(format!("rolled back: {reason}")),
        JobState::Failed { failure } => Outcome::Failed(failure.message.clone()),
        state => Outcome::Failed(state.name().to_owned()),
    }
}
