//! A restart that a person orders.

use jiff::Timestamp;
use ota_core::{
    Actor, Arming, AuditAction, AuditEntry, AuditOutcome, JobEvent, JobId, JobState, Phase, RebootGate,
    SlotId,
};
use std::{sync::Arc, time::Duration};

use crate::{Ota, OtaError, ports::LogLevel, runner::ApplyError, safety::starter};

/// The answer leaves before the gateway does.
const FAREWELL: Duration = Duration::from_millis(500);

/// A restart on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RebootStarted {
    /// The job that waited for it.
    pub job: Option<JobId>,
    /// The slot that starts next.
    pub next_boot: Option<SlotId>,
}

impl Ota {
    /// Restarts the gateway: into the armed slot where a job waits for that, else as it is.
    ///
    /// # Errors
    /// The operation gate and the safety verdict for a restart.
    pub async fn reboot(self: &Arc<Self>, reason: &str, actor: &Actor) -> Result<RebootStarted, OtaError> {
        self.reboot_until(reason, None, actor).await
    }

    /// The same, for as long as a maintenance window lasts: what has not restarted `until` then waits again.
    pub(crate) async fn reboot_until(
        self: &Arc<Self>,
        reason: &str,
        until: Option<Timestamp>,
        actor: &Actor,
    ) -> Result<RebootStarted, OtaError> {
        let entry = AuditEntry::attempt(actor, AuditAction::Reboot).because(reason);
        let started = self.try_reboot(reason, until, &entry).await;
        if let Err(error) = &started {
            self.audit_error(entry, error).await;
        }
        started
    }

    async fn try_reboot(
        self: &Arc<Self>,
        reason: &str,
        until: Option<Timestamp>,
        entry: &AuditEntry,
    ) -> Result<RebootStarted, OtaError> {
        let actor = &entry.actor;
        self.must_be_up()?;
        // One order at a time: the next one finds the worker that this one starts.
        let _lane = self.reboot_lane.lock().await;
        let waiting = self.gate_for_reboot().await?;
        if actor.is_automatic() && waiting.is_none() {
            // Somebody has cancelled it since that was decided.
            return Err(OtaError::BadRequest("No update waits for a restart any more.".to_owned()));
        }
        self.permit(Phase::Reboot, starter(actor, waiting.as_ref()))?;
        let subject = waiting.as_ref().map_or("", JobId::as_str);
        self.audit(&entry.clone().about(subject)).await?;
        let text = format!("Restart ordered by {actor}: {reason}");
        self.log(LogLevel::Info, "boot", text).await;
        if let Some(id) = &waiting {
            match self.apply(id, JobEvent::RebootOrdered { by: actor.clone(), until }).await {
                Ok(Some(effect)) => {
                    self.bind_override(id, actor);
                    self.drive(id.clone(), effect);
                }
                Ok(None) => {}
                Err(ApplyError::Store(error)) => return Err(error.into()),
                Err(error) => return Err(OtaError::Internal(error.to_string())),
            }
        } else {
            self.tasks.spawn(Arc::clone(self).restart_plainly(entry.clone()));
        }
        Ok(RebootStarted { job: waiting, next_boot: self.snapshot().boot.next_boot() })
    }

    /// The armed job that waits for this order, or nothing; every other open operation refuses.
    async fn gate_for_reboot(&self) -> Result<Option<JobId>, OtaError> {
        let desk = self.desk.lock().await;
        let mut waiting = None;
        for job in desk.iter() {
            let rests = !self.drivers().contains_key(&job.id);
            match &job.state {
                state if rests && state.awaits_window() => waiting = Some(job.id.clone()),
                JobState::AwaitingReboot { armed: Arming::Yes } if rests => {
                    waiting = Some(job.id.clone());
                }
                JobState::Downloaded => {}
                state => return Err(OtaError::Busy { holder: job.id.clone(), state: state.name() }),
            }
        }
        Ok(waiting)
    }

    async fn restart_plainly(self: Arc<Self>, entry: AuditEntry) {
        tokio::time::sleep(FAREWELL).await;
        let outcome = self.reboot_now(&entry.actor).await.map_err(|error| error.to_string());
        let text = match outcome {
            Err(text) => format!("The restart did not happen: {text}"),
            Ok(()) if self.await_end_of_process().await => {
                "The restart was ordered and did not happen.".to_owned()
            }
            Ok(()) => return,
        };
        self.log(LogLevel::Error, "boot", text.as_str()).await;
        let failed = AuditOutcome::failed("did_not_restart");
        self.audit_result(&entry.with_outcome(failed).saying(text)).await;
    }

    /// Looks once more, because an update or the machine may have started since the order.
    async fn reboot_now(&self, actor: &Actor) -> Result<(), OtaError> {
        if let Some(holder) = self.gate_for_reboot().await? {
            return Err(OtaError::Busy { holder, state: "awaiting_reboot" });
        }
        let _recovery = self.recovery_lane.lock().await;
        let clearance = self.clearance::<RebootGate>(starter(actor, None));
        Ok(self.parts.reboot.reboot(clearance.map_err(|blocked| OtaError::Blocked(blocked.0))?).await?)
    }
}
