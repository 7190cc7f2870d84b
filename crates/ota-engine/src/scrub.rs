//! What is known about the bytes of the other slot: compared from time to time, and again before a rollback relies on them.

use ota_core::{Bundle, Job, JobEvent, JobState, SlotId};
use std::{
    sync::{Arc, MutexGuard, PoisonError},
    time::Duration,
};
use tokio_util::sync::CancellationToken;

use crate::{
    Ota,
    ports::{LogLevel, Meter, ReadBack, StepError},
    runner::Course,
};

/// After the start, other things come first.
const FIRST: Duration = Duration::from_secs(120);
/// When it could not be done.
const AGAIN: Duration = Duration::from_secs(600);

/// The last comparison that matched, and the one that runs.
#[derive(Debug, Default)]
pub(crate) struct Scrub {
    proven: Option<Proven>,
    running: Option<CancellationToken>,
}

#[derive(Debug)]
struct Proven {
    proof: ReadBack,
    /// Boot clock.
    at: Duration,
    /// Another one as soon as anybody has written to the slot; `None` where nothing tells that, and the proof does not last.
    mark: Option<String>,
}

/// Whether the job writes to the slot or relies on it. A download that waits does neither yet, and a snapshot only reads.
fn has_slot(job: &Job, slot: SlotId) -> bool {
    job.target == slot && !matches!(job.state, JobState::Downloaded | JobState::Creating)
}

impl Ota {
    /// Compares the other slot with its record, whenever its proof is older than the site wants.
    pub(crate) async fn scrub_on_schedule(self: Arc<Self>) {
        let mut pause = FIRST;
        while self.stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_some() {
            let done = self.scrub_once().await;
            let interval = self.parts.site.scrub_interval;
            pause = if done { interval } else { interval.min(AGAIN) };
        }
    }

    /// False when a job had the slot, or there was nothing to compare it with.
    async fn scrub_once(&self) -> bool {
        let slot = self.parts.slots.running().target();
        let cancel = self.stop.child_token();
        let content = {
            // Under the desk, so that a job that begins to write finds what it has to stop.
            let desk = self.desk.lock().await;
            if desk.iter().any(|job| has_slot(job, slot)) {
                return false;
            }
            let Some(content) = self.good_content(slot).await else { return false };
            self.scrub().running = Some(cancel.clone());
            content
        };
        match self.compare(slot, &content, &Meter::default(), &cancel).await {
            Ok(proven) => self.scrub().proven = Some(proven),
            Err(StepError::Cancelled | StepError::Late) => {}
            Err(error @ StepError::Differs { .. }) => {
                self.forget_proof();
                self.found_damaged(slot, &content, &error).await;
            }
            // What cannot be read now may be read later; nobody knows that it is wrong.
            Err(error) => {
                self.forget_proof();
                let text = format!("slot {slot} with {} cannot be compared: {error}", content.version);
                self.log(LogLevel::Warning, "boot", text).await;
            }
        }
        self.scrub().running = None;
        true
    }

    /// What the slot should hold, where it is good and can be compared.
    async fn good_content(&self, slot: SlotId) -> Option<Bundle> {
        let record = self.parts.store.slot_record(slot).await.ok()??;
        let compared = record.good && self.parts.slots.judged_by_record(slot).is_none();
        compared.then(|| record.content())
    }

    async fn compare(
        &self,
        slot: SlotId,
        content: &Bundle,
        meter: &Meter,
        cancel: &CancellationToken,
    ) -> Result<Proven, StepError> {
        // Looked at before: what is written meanwhile makes the proof void.
        let mark = self.parts.slots.write_mark(slot).await?;
        let proof = self.parts.slots.read_back(slot, content, meter, cancel).await?;
        Ok(Proven { proof, at: self.parts.clock.boot(), mark })
    }

    /// The record says so, unless the slot was given something else to hold meanwhile.
    async fn found_damaged(&self, slot: SlotId, content: &Bundle, error: &StepError) {
        let desk = self.desk.lock().await;
        let same = self.good_content(slot).await.is_some_and(|now| now == *content);
        if !same || desk.iter().any(|job| has_slot(job, slot)) {
            return;
        }
        let text =
            format!("slot {slot} with {} is not what was installed any more: {error}", content.version);
        self.log(LogLevel::Error, "boot", text).await;
        if let Err(error) = self.mark_record(slot, false).await {
            tracing::error!(%error, %slot, "the record of the damaged slot still says good");
        }
        self.refresh_slots(&desk).await;
    }

    /// The slot of a rollback is compared, unless that was done lately and nobody has written to it since. A slot that differs is
    /// remembered as bad.
    pub(crate) async fn prove_former(&self, course: &mut Course, job: &Job) -> Result<JobEvent, StepError> {
        let slot = job.target;
        let proof = match self.parts.slots.judged_by_record(slot) {
            Some(proof) => Some(proof),
            None => self.recent_proof(slot).await?,
        };
        if let Some(proof) = proof {
            course.proof = Some(proof);
            return Ok(JobEvent::ReadBackMatched);
        }
        let content = crate::runner::verified(job)?;
        course.gauge.begin_step(content.image_bytes());
        let proven = self.compare(slot, content, &course.gauge.meter, &course.cancel).await;
        if let Err(StepError::Differs { .. }) = &proven {
            self.mark_record(slot, false).await?;
        }
        course.proof = Some(proven?.proof);
        Ok(JobEvent::ReadBackMatched)
    }

    async fn recent_proof(&self, slot: SlotId) -> Result<Option<ReadBack>, StepError> {
        let Some(mark) = self.parts.slots.write_mark(slot).await? else { return Ok(None) };
        let now = self.parts.clock.boot();
        let proven = self.scrub().proven.take();
        Ok(proven
            .filter(|proven| {
                let fresh = now.saturating_sub(proven.at) <= self.parts.site.scrub_interval;
                fresh && proven.proof.slot() == slot && proven.mark.as_ref() == Some(&mark)
            })
            .map(|proven| proven.proof))
    }

    /// The slot is about to be written: what was known of it is void, and nobody reads it any more.
    pub(crate) fn forget_proof(&self) {
        let mut scrub = self.scrub();
        scrub.proven = None;
        if let Some(running) = scrub.running.take() {
            running.cancel();
        }
    }

    fn scrub(&self) -> MutexGuard<'_, Scrub> {
        self.scrub.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
