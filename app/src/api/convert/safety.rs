use jiff::Timestamp;
use ota_api::{
    human,
    safety::{BlockingConstraint, Constraint, Constraints, Force, OverrideRequest, OverrideState, Safety},
};
use ota_core::{
    Actor, Assessment, AuditAction, AuditEntry, AuditOutcome, ConstraintId, ConstraintState, JobId,
    OverridePolicy, UnknownConstraint,
};
use ota_engine::{OtaError, OverrideOrder, OverrideView, Snapshot};
use std::collections::BTreeSet;

use super::instant;

/// The answer of `GET safety`.
#[must_use]
pub fn safety(snapshot: &Snapshot, now: Timestamp) -> Safety {
    let verdict = &snapshot.safety;
    let one = |id| {
        let assessment = verdict.assessments.iter().find(|assessment| assessment.constraint == id);
        assessment.map_or_else(|| never_assessed(id), constraint)
    };
    Safety {
        constraints: Constraints {
            crane_motion: one(ConstraintId::CraneMotion),
            acs_collision: one(ConstraintId::AcsCollision),
            ups_battery: one(ConstraintId::UpsBattery),
            network: one(ConstraintId::Network),
            system_load: one(ConstraintId::SystemLoad),
        },
        force_override: snapshot.force.grant.is_some(),
        update_allowed: snapshot.may_start,
        force: force(&snapshot.force, now),
        overridable: overridable(&snapshot.site.overrides),
        second_person: snapshot.site.overrides.second_person,
    }
}

/// The override in force, or else the request that waits for its second person.
fn force(view: &OverrideView, now: Timestamp) -> Option<Force> {
    let (expires_at, remaining_seconds) = (instant(ends(view, now)), view.left.as_secs());
    let names =
        |constraints: &BTreeSet<ConstraintId>| constraints.iter().map(ConstraintId::to_string).collect();
    if let Some(grant) = &view.grant {
        return Some(Force {
            active: true,
            by: grant.by.clone(),
            confirmed_by: grant.confirmed_by.clone(),
            reason: grant.reason.clone(),
            constraints: names(&grant.constraints),
            job_id: grant.operation.as_ref().map(JobId::to_string),
            expires_at,
            remaining_seconds,
        });
    }
    let request = &view.proposal.as_ref()?.request;
    Some(Force {
        active: false,
        by: request.by.clone(),
        confirmed_by: None,
        reason: request.reason.clone(),
        constraints: names(&request.constraints),
        job_id: None,
        expires_at,
        remaining_seconds,
    })
}

fn overridable(policy: &OverridePolicy) -> Vec<String> {
    let may = |id: &&ConstraintId| !policy.never.contains(id);
    ConstraintId::ALL.iter().filter(may).map(ConstraintId::to_string).collect()
}

/// On the wall clock, for people; what counts is the boot clock.
fn ends(view: &OverrideView, now: Timestamp) -> Timestamp {
    now.checked_add(view.left).unwrap_or(now)
}

/// The answer of `POST safety/override`.
#[must_use]
pub fn override_state(view: &OverrideView, update_allowed: bool, now: Timestamp) -> OverrideState {
    let force = force(view, now);
    let in_force = force.as_ref().filter(|force| force.active);
    OverrideState {
        override_enabled: in_force.is_some(),
        expires_at: in_force.map_or_else(|| instant(now), |force| force.expires_at.clone()),
        overridden_constraints: in_force.map(|force| force.constraints.clone()).unwrap_or_default(),
        update_allowed,
        awaiting_second_person: force.as_ref().is_some_and(|force| !force.active),
        remaining_seconds: in_force.map_or(0, |force| force.remaining_seconds),
    }
}

/// Somebody asked for an override whose role does not allow that.
#[must_use]
pub fn forbidden(actor: &Actor, action: AuditAction) -> AuditEntry {
    AuditEntry::new(actor, action, AuditOutcome::refused("forbidden"))
}

/// What a request asks for.
///
/// # Errors
/// What is missing, or a constraint that does not exist.
pub fn override_order(request: OverrideRequest) -> Result<OverrideOrder, OtaError> {
    let OverrideRequest { enable, pin, reason, constraints } = request;
    if !enable {
        return Ok(OverrideOrder::Disable { reason });
    }
    let missing = |name| {
        OtaError::BadRequest(format!("The field {name} is missing: it is needed to enable an override."))
    };
    let names = constraints.ok_or_else(|| missing("constraints"))?;
    let known = names.iter().map(|name| name.parse()).collect::<Result<_, UnknownConstraint>>();
    let constraints = known.map_err(|unknown| OtaError::BadRequest(format!("constraints: {unknown}.")))?;
    Ok(OverrideOrder::Enable { constraints, pin: pin.ok_or_else(|| missing("pin"))?, reason })
}

/// A constraint in the details of `OTA_UPDATE_BLOCKED`.
#[must_use]
pub fn blocking(assessment: &Assessment) -> BlockingConstraint {
    BlockingConstraint {
        constraint: assessment.constraint.as_str().to_owned(),
        current: constraint(assessment),
    }
}

pub(super) fn constraint(assessment: &Assessment) -> Constraint {
    Constraint {
        enabled: assessment.enabled,
        status: assessment.status.clone(),
        level: level(assessment.constraint, assessment.level),
        blocking: assessment.is_blocking(),
        state: assessment.state,
        reason: assessment.reason.clone(),
        source: assessment.source.clone(),
        age_seconds: assessment.age.as_secs(),
        threshold: assessment.threshold,
        estimated_clear: assessment.estimated_clear.map(|left| human::hours(left.as_secs())),
        overridden: assessment.overridden,
    }
}

/// Of the battery there always is a number, as clients expect: before the first reading that of an empty one.
fn level(id: ConstraintId, read: Option<f64>) -> Option<f64> {
    read.map(human::tenths).or_else(|| (id == ConstraintId::UpsBattery).then_some(0.0))
}

/// What no verdict speaks about is unknown, and blocks.
fn never_assessed(id: ConstraintId) -> Constraint {
    Constraint {
        enabled: true,
        status: "unknown".to_owned(),
        level: level(id, None),
        blocking: true,
        state: ConstraintState::Unknown,
        reason: "The gateway has not assessed this constraint.".to_owned(),
        source: "none".to_owned(),
        age_seconds: 0,
        threshold: None,
        estimated_clear: None,
        overridden: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_of_the_battery_is_always_a_number() {
        assert_eq!(level(ConstraintId::UpsBattery, None), Some(0.0));
        assert_eq!(level(ConstraintId::UpsBattery, Some(84.96)), Some(85.0));
        assert_eq!(level(ConstraintId::CraneMotion, None), None);
    }
}
