//! Where overrides are enabled, served and ended. Pure: time is the boot clock's and comes in as an argument.

use super::{Asker, ConstraintId, Grant};
use crate::JobId;
use std::{collections::BTreeSet, time::Duration};

/// Characters that a reason has at least: enough to say something.
const SHORTEST_REASON: usize = 10;
/// Characters of a reason at most.
const LONGEST_REASON: usize = 500;

/// What the site allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverridePolicy {
    /// How long an override lasts at most.
    pub lasts: Duration,
    /// Another administrator has to ask for the same before it is in force.
    pub second_person: bool,
    /// Constraints that nobody may override.
    pub never: BTreeSet<ConstraintId>,
}

/// What somebody wants to override, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverrideRequest {
    pub constraints: BTreeSet<ConstraintId>,
    pub by: String,
    pub reason: String,
}

/// Why a request cannot be granted whoever asks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OverrideRefusal {
    #[error("The reason needs {SHORTEST_REASON} to {LONGEST_REASON} characters: it is kept on record.")]
    Reason,
    #[error("Name at least one constraint to override.")]
    Nothing,
    #[error("The constraint {0} may not be overridden on this gateway.")]
    Never(ConstraintId),
}

/// A request that waits for its second person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    pub request: OverrideRequest,
    /// On the boot clock; from then on it is void.
    pub ends: Duration,
}

/// What a request has led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Enabled {
    Granted(Grant),
    AwaitsSecondPerson(Proposal),
}

/// What was ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    Override(Grant),
    /// It was never in force.
    Proposal(Proposal),
}

impl Ended {
    /// Who asked for it, and for which constraints.
    #[must_use]
    pub const fn subject(&self) -> (&String, &BTreeSet<ConstraintId>) {
        match self {
            Self::Override(grant) => (&grant.by, &grant.constraints),
            Self::Proposal(Proposal { request, .. }) => (&request.by, &request.constraints),
        }
    }
}

/// Why an override is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OverrideEnd {
    /// Somebody ended it.
    Disabled,
    /// Its time was up.
    Expired,
    /// The operation that it served has ended.
    OperationEnded,
}

/// One override at a time, at most.
#[derive(Debug, Clone)]
pub struct OverrideDesk {
    policy: OverridePolicy,
    standing: Standing,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Standing {
    Nothing,
    Proposed(Proposal),
    Granted(Grant),
}

impl OverrideDesk {
    #[must_use]
    pub const fn new(policy: OverridePolicy) -> Self {
        Self { policy, standing: Standing::Nothing }
    }

    #[must_use]
    pub const fn policy(&self) -> &OverridePolicy {
        &self.policy
    }

    /// Checks what can be checked without a PIN.
    ///
    /// # Errors
    /// [`OverrideRefusal`].
    pub fn check(&self, request: &OverrideRequest) -> Result<(), OverrideRefusal> {
        if !(SHORTEST_REASON..=LONGEST_REASON).contains(&request.reason.trim().chars().count()) {
            return Err(OverrideRefusal::Reason);
        }
        if request.constraints.is_empty() {
            return Err(OverrideRefusal::Nothing);
        }
        match request.constraints.intersection(&self.policy.never).next() {
            Some(id) => Err(OverrideRefusal::Never(*id)),
            None => Ok(()),
        }
    }

    /// Grants the request of somebody whose PIN was right, or keeps it for the second person; either takes the place of
    /// what was there. `under_way` is the operation of a person that has begun and not ended: the override serves that one,
    /// otherwise the next.
    ///
    /// # Errors
    /// As [`OverrideDesk::check`]; nothing changes then.
    pub fn enable(
        &mut self,
        request: OverrideRequest,
        under_way: Option<JobId>,
        now: Duration,
    ) -> Result<Enabled, OverrideRefusal> {
        self.check(&request)?;
        let first = match &self.standing {
            Standing::Proposed(first) if now < first.ends => Some(first.request.clone()),
            _ => None,
        };
        let same = first.filter(|f| f.by != request.by && f.constraints == request.constraints);
        if self.policy.second_person && same.is_none() {
            let proposal = Proposal { request, ends: now + self.policy.lasts };
            self.standing = Standing::Proposed(proposal.clone());
            return Ok(Enabled::AwaitsSecondPerson(proposal));
        }
        let (asked, confirmed_by) = match same {
            Some(first) => (first, Some(request.by)),
            None => (request, None),
        };
        let grant = Grant {
            constraints: asked.constraints,
            by: asked.by,
            confirmed_by,
            reason: asked.reason.trim().to_owned(),
            ends: now + self.policy.lasts,
            operation: under_way,
        };
        self.standing = Standing::Granted(grant.clone());
        Ok(Enabled::Granted(grant))
    }

    /// Ends the override, or the request for one.
    pub fn disable(&mut self) -> Option<Ended> {
        match std::mem::replace(&mut self.standing, Standing::Nothing) {
            Standing::Granted(grant) => Some(Ended::Override(grant)),
            Standing::Proposed(proposal) => Some(Ended::Proposal(proposal)),
            Standing::Nothing => None,
        }
    }

    /// Ends the override in force; a request for one stays.
    pub fn end_granted(&mut self) -> Option<Ended> {
        match self.standing {
            Standing::Granted(_) => self.disable(),
            Standing::Nothing | Standing::Proposed(_) => None,
        }
    }

    /// An operation of a person starts: from now on the override is for it alone.
    pub fn bind(&mut self, job: &JobId, now: Duration) {
        if let Standing::Granted(grant) = &mut self.standing
            && now < grant.ends
        {
            grant.operation.get_or_insert_with(|| job.clone());
        }
    }

    /// Ends the override when `job`, which has ended, was the operation that it served.
    pub fn ended(&mut self, job: &JobId) -> Option<Ended> {
        match &self.standing {
            Standing::Granted(grant) if grant.operation.as_ref() == Some(job) => self.disable(),
            _ => None,
        }
    }

    /// Ends what has run out of time.
    pub fn expire(&mut self, now: Duration) -> Option<Ended> {
        match &self.standing {
            Standing::Granted(grant) if now >= grant.ends => self.disable(),
            Standing::Proposed(proposal) if now >= proposal.ends => self.disable(),
            _ => None,
        }
    }

    /// The override in force.
    #[must_use]
    pub fn active(&self, now: Duration) -> Option<&Grant> {
        self.serving(Asker::Reader, now)
    }

    /// The override that counts for `asker`.
    #[must_use]
    pub fn serving(&self, asker: Asker<'_>, now: Duration) -> Option<&Grant> {
        match &self.standing {
            Standing::Granted(grant) if grant.serves(asker, now) => Some(grant),
            _ => None,
        }
    }

    /// The request that waits for its second person.
    #[must_use]
    pub fn proposed(&self, now: Duration) -> Option<&Proposal> {
        match &self.standing {
            Standing::Proposed(proposal) if now < proposal.ends => Some(proposal),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LASTS: Duration = Duration::from_secs(900);

    fn desk(second_person: bool) -> OverrideDesk {
        let never = BTreeSet::from([ConstraintId::UpsBattery]);
        OverrideDesk::new(OverridePolicy { lasts: LASTS, second_person, never })
    }

    fn request(by: &str, constraint: ConstraintId) -> OverrideRequest {
        let reason = "The sensor is broken, the crane is locked".into();
        OverrideRequest { constraints: [constraint].into(), by: by.into(), reason }
    }

    fn job(number: u64) -> JobId {
        JobId::numbered(crate::JobKind::Update, number)
    }

    #[test]
    fn a_request_needs_a_reason_and_constraints_that_may_be_overridden() {
        let good = request("admin", ConstraintId::CraneMotion);
        assert_eq!(desk(false).check(&good), Ok(()));
        for reason in ["", "123456789", "   a   b     ", &"x".repeat(501)] {
            let request = OverrideRequest { reason: reason.to_owned(), ..good.clone() };
            assert_eq!(desk(false).check(&request), Err(OverrideRefusal::Reason), "{reason}");
        }
        let nothing = OverrideRequest { constraints: BTreeSet::new(), ..good };
        assert_eq!(desk(false).check(&nothing), Err(OverrideRefusal::Nothing));
        let never = request("admin", ConstraintId::UpsBattery);
        assert_eq!(desk(false).check(&never), Err(OverrideRefusal::Never(ConstraintId::UpsBattery)));
    }

    #[test]
    fn it_serves_the_next_operation_of_a_person_and_no_other() {
        let (mut desk, now) = (desk(false), Duration::from_secs(5));
        desk.enable(request("admin", ConstraintId::CraneMotion), None, now).unwrap();
        assert!(desk.serving(Asker::Person(None), now).is_some());
        assert!(desk.serving(Asker::Automatic, now).is_none());
        assert!(desk.serving(Asker::Job(&job(1)), now).is_none(), "not begun by it");
        desk.bind(&job(1), now);
        desk.bind(&job(2), now);
        assert!(desk.serving(Asker::Job(&job(1)), now).is_some());
        assert!(desk.serving(Asker::Job(&job(2)), now).is_none());
        assert!(desk.serving(Asker::Person(None), now).is_none(), "the next operation has it");
        assert!(desk.serving(Asker::Person(Some(&job(1))), now).is_some());
        assert_eq!(desk.ended(&job(2)), None);
        assert!(desk.ended(&job(1)).is_some());
        assert!(desk.active(now).is_none());
    }

    #[test]
    fn it_is_over_to_the_moment_whether_or_not_it_was_swept() {
        let mut desk = desk(false);
        desk.enable(request("admin", ConstraintId::CraneMotion), Some(job(1)), Duration::ZERO).unwrap();
        let last = LASTS - Duration::from_millis(1);
        assert!(desk.serving(Asker::Job(&job(1)), last).is_some());
        assert_eq!(desk.expire(last), None);
        assert!(desk.active(LASTS).is_none());
        assert!(desk.expire(LASTS).is_some());
        assert_eq!(desk.expire(LASTS), None);
    }

    #[test]
    fn where_two_are_needed_one_is_not_enough() {
        let (mut desk, now) = (desk(true), Duration::ZERO);
        let crane = |by| request(by, ConstraintId::CraneMotion);
        let wait = |enabled| matches!(enabled, Ok(Enabled::AwaitsSecondPerson(_)));
        assert!(wait(desk.enable(crane("admin"), None, now)));
        assert!(wait(desk.enable(crane("admin"), None, now)), "not twice the same person");
        assert!(desk.active(now).is_none());
        assert!(wait(desk.enable(request("chief", ConstraintId::Network), None, now)), "another matter");
        assert!(wait(desk.enable(crane("admin"), None, now)));
        assert!(wait(desk.enable(crane("chief"), None, now + LASTS)), "too late");
        let Ok(Enabled::Granted(grant)) = desk.enable(crane("admin"), None, now + LASTS) else {
            panic!("two have asked for the same")
        };
        assert_eq!((grant.by.as_str(), grant.confirmed_by.as_deref()), ("chief", Some("admin")));
        assert_eq!(desk.disable(), Some(Ended::Override(grant)));
    }
}
