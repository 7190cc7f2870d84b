//! Overriding safety constraints: asked for with role, PIN and reason, bound to one operation, over by itself.

use ota_core::{
    Actor, AuditAction, AuditEntry, AuditOutcome, ConstraintId, Enabled, Ended, Grant, Job, JobId, JobState,
    OverrideDesk, OverrideEnd, OverrideRequest, PinKind, Proposal,
};
use std::{
    collections::BTreeSet,
    fmt,
    sync::{MutexGuard, PoisonError},
    time::Duration,
};

use crate::{
    Change, Event, Ota, OtaError,
    ports::{Fact, LogLevel, StoreError},
};

/// What somebody wants of the override.
#[derive(Clone, PartialEq, Eq)]
pub enum OverrideOrder {
    Enable { constraints: BTreeSet<ConstraintId>, pin: String, reason: String },
    Disable { reason: String },
}

/// The PIN stays out of logs.
impl fmt::Debug for OverrideOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Enable { constraints, .. } => write!(f, "Enable({})", names(constraints)),
            Self::Disable { .. } => f.write_str("Disable"),
        }
    }
}

/// How the override stands at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OverrideView {
    pub grant: Option<Grant>,
    /// A request that waits for its second person.
    pub proposal: Option<Proposal>,
    /// Time until the one or the other is over.
    pub left: Duration,
}

impl Ota {
    /// Enables or ends the override.
    ///
    /// # Errors
    /// [`OtaError::BadRequest`] for a reason or constraints that cannot be accepted, then what the PIN may lead to.
    pub async fn order_override(
        &self,
        order: OverrideOrder,
        actor: &Actor,
    ) -> Result<OverrideView, OtaError> {
        match order {
            OverrideOrder::Enable { constraints, pin, reason } => {
                let request = OverrideRequest { constraints, by: actor.name.clone(), reason };
                let entry = AuditEntry::attempt(actor, AuditAction::OverrideEnable)
                    .about(names(&request.constraints))
                    .because(request.reason.as_str());
                let enabled = self.enable_override(request, &pin, &entry).await;
                if let Err(error) = &enabled {
                    self.audit_error(refused_entry(entry, error), error).await;
                }
                enabled
            }
            OverrideOrder::Disable { reason } => {
                let entry = AuditEntry::success(actor, AuditAction::OverrideDisable).because(reason.as_str());
                let disabled = self.disable_override(&reason, &entry).await;
                if let Err(error) = &disabled {
                    self.audit_error(entry, error).await;
                }
                disabled
            }
        }
    }

    async fn enable_override(
        &self,
        request: OverrideRequest,
        pin: &str,
        entry: &AuditEntry,
    ) -> Result<OverrideView, OtaError> {
        self.overrides().check(&request).map_err(|refusal| OtaError::BadRequest(refusal.to_string()))?;
        self.demand_pin(PinKind::Override, pin).await?;
        let desk = self.desk.lock().await;
        let _lane = self.override_lane.lock().await;
        self.audit(entry).await?;
        let replaced = self.overrides().end_granted();
        if let Some(ended) = replaced {
            self.override_ended(&ended, OverrideEnd::Disabled, &entry.actor, "replaced by another").await;
        }
        let under_way = desk.iter().rev().find(|job| is_under_way(job)).map(|job| job.id.clone());
        let enabled = self.overrides().enable(request, under_way, self.parts.clock.boot());
        drop(desk);
        match enabled.map_err(|refusal| OtaError::BadRequest(refusal.to_string()))? {
            Enabled::Granted(grant) => self.override_granted(&grant, entry.clone()).await?,
            Enabled::AwaitsSecondPerson(proposal) => {
                let text = format!(
                    "{} wants to override {}; another administrator has to ask for the same.",
                    proposal.request.by,
                    names(&proposal.request.constraints)
                );
                self.log(LogLevel::Warning, "safety", text.as_str()).await;
                let waits =
                    entry.clone().with_outcome(AuditOutcome::Succeeded).saying("waits for a second person");
                self.audit(&waits).await?;
            }
        }
        self.look_again();
        self.tell(Event::Changed(Change::Safety));
        Ok(self.override_view())
    }

    /// What is in force without being on record is taken back.
    async fn override_granted(&self, grant: &Grant, entry: AuditEntry) -> Result<(), OtaError> {
        let detail = match (&grant.confirmed_by, &grant.operation) {
            (Some(second), _) => format!("asked for by {}, confirmed by {second}", grant.by),
            (None, Some(job)) => format!("serves {job}"),
            (None, None) => "serves the next operation".to_owned(),
        };
        let kept = self.parts.store.put_fact(Fact::Override, &grant.by).await.map_err(OtaError::from);
        let on_record = match kept {
            Ok(()) => self.audit(&entry.with_outcome(AuditOutcome::Succeeded).saying(detail)).await,
            Err(error) => Err(error),
        };
        if let Err(error) = on_record {
            self.overrides().disable();
            return Err(error);
        }
        let text = format!(
            "{} overrides {} for {} min at most: {}",
            grant.by,
            names(&grant.constraints),
            self.parts.site.overrides.lasts.as_secs() / 60,
            grant.reason
        );
        self.log(LogLevel::Warning, "safety", text).await;
        Ok(())
    }

    async fn disable_override(&self, reason: &str, entry: &AuditEntry) -> Result<OverrideView, OtaError> {
        if reason.trim().is_empty() {
            return Err(OtaError::BadRequest(
                "Say why the override ends: the reason is kept on record.".into(),
            ));
        }
        // Ending it makes things safer: that is done first and is never refused.
        let _lane = self.override_lane.lock().await;
        let ended = self.overrides().disable();
        match ended {
            Some(ended) => self.override_ended(&ended, OverrideEnd::Disabled, &entry.actor, reason).await,
            None => self.audit_refusal(&entry.clone().saying("there was none")).await,
        }
        self.look_again();
        self.tell(Event::Changed(Change::Safety));
        Ok(self.override_view())
    }

    /// Puts the end of an override on record and shows it.
    async fn override_ended(&self, ended: &Ended, end: OverrideEnd, actor: &Actor, reason: &str) {
        let (by, constraints) = ended.subject();
        let what = match ended {
            Ended::Override(_) => "override",
            Ended::Proposal(_) => "request for an override",
        };
        let (action, words) = match end {
            OverrideEnd::Disabled => (AuditAction::OverrideDisable, format!("ended by {actor}")),
            OverrideEnd::Expired => (AuditAction::OverrideExpired, "its time was up".to_owned()),
            OverrideEnd::OperationEnded => {
                (AuditAction::OverrideExpired, "its operation has ended".to_owned())
            }
        };
        let entry = AuditEntry::success(actor, action).about(names(constraints)).because(reason);
        self.audit_result(&entry.saying(format!("{what} by {by}: {words}"))).await;
        if let Err(error) = self.parts.store.put_fact(Fact::Override, "").await {
            tracing::error!(%error, "the end of the override is not saved");
        }
        let text = format!("The {what} by {by} is over: {words}");
        self.log(LogLevel::Info, "safety", text).await;
        self.look_again();
        self.tell(Event::Changed(Change::Safety));
    }

    /// At the start: an override that was in force when the service ended is over, and the record says so.
    pub(crate) async fn override_ended_by_restart(&self) -> Result<(), StoreError> {
        let Some(by) = self.parts.store.fact(Fact::Override).await?.filter(|by| !by.is_empty()) else {
            return Ok(());
        };
        let words = format!("the restart ended the override by {by}");
        let entry =
            AuditEntry::success(&Actor::system(), AuditAction::OverrideExpired).saying(words.as_str());
        self.parts.store.append_audit(self.parts.clock.now(), &entry).await?;
        self.log(LogLevel::Info, "safety", format!("{words}.")).await;
        self.parts.store.put_fact(Fact::Override, "").await
    }

    /// Ends the override when its time is up.
    pub(crate) async fn sweep_override(&self) {
        let _lane = self.override_lane.lock().await;
        let expired = self.overrides().expire(self.parts.clock.boot());
        if let Some(ended) = expired {
            self.override_ended(&ended, OverrideEnd::Expired, &Actor::system(), "").await;
        }
    }

    /// Ends the override that served `job`.
    pub(crate) async fn end_override_of(&self, job: &JobId) {
        let _lane = self.override_lane.lock().await;
        let served = self.overrides().ended(job);
        if let Some(ended) = served {
            self.override_ended(&ended, OverrideEnd::OperationEnded, &Actor::system(), "").await;
        }
    }

    /// `actor` has begun `job`, or takes it further: the override in force is for it alone, where that is a person.
    pub(crate) fn bind_override(&self, job: &JobId, actor: &Actor) {
        if !actor.is_automatic() {
            self.overrides().bind(job, self.parts.clock.boot());
            self.look_again();
            self.tell(Event::Changed(Change::Safety));
        }
    }

    /// How the override stands now.
    pub fn override_view(&self) -> OverrideView {
        let (now, desk) = (self.parts.clock.boot(), self.overrides());
        let (grant, proposal) = (desk.active(now).cloned(), desk.proposed(now).cloned());
        let ends = grant.as_ref().map(|g| g.ends).or(proposal.as_ref().map(|p| p.ends));
        OverrideView { grant, proposal, left: ends.map_or(Duration::ZERO, |ends| ends.saturating_sub(now)) }
    }

    pub(crate) fn overrides(&self) -> MutexGuard<'_, OverrideDesk> {
        self.overrides.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A wrong PIN has an action of its own in the audit log.
fn refused_entry(entry: AuditEntry, error: &OtaError) -> AuditEntry {
    match error {
        OtaError::WrongPin { .. } | OtaError::PinLocked { .. } | OtaError::PinNotSet(_) => {
            AuditEntry { action: AuditAction::PinFailed, ..entry }
        }
        _ => entry,
    }
}

/// A person's operation that has begun, does not rest and has not ended.
fn is_under_way(job: &Job) -> bool {
    let rests = matches!(job.state, JobState::Downloaded);
    !rests && !job.state.is_ended() && !job.actor.is_automatic()
}

fn names(constraints: &BTreeSet<ConstraintId>) -> String {
    let names: Vec<_> = constraints.iter().map(|id| id.as_str()).collect();
    names.join(", ")
}
