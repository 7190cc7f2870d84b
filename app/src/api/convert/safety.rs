use ota_api::{
    human,
    safety::{BlockingConstraint, Constraint, Constraints, Safety},
};
use ota_core::{Assessment, ConstraintId, ConstraintState};
use ota_engine::Snapshot;

/// The answer of `GET safety`.
#[must_use]
pub fn safety(snapshot: &Snapshot) -> Safety {
    let verdict = &snapshot.safety;
    let one = |id| {
        let assessment = verdict.assessments.iter().find(|assessment| assessment.constraint == id);
        assessment.map_or_else(never_assessed, constraint)
    };
    Safety {
        constraints: Constraints {
            crane_motion: one(ConstraintId::CraneMotion),
            acs_collision: one(ConstraintId::AcsCollision),
            ups_battery: one(ConstraintId::UpsBattery),
            network: one(ConstraintId::Network),
            system_load: one(ConstraintId::SystemLoad),
        },
        // Nobody can override a constraint on this gateway.
        force_override: false,
        update_allowed: verdict.is_clear(),
    }
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
        level: assessment.level.map(human::tenths),
        blocking: assessment.is_blocking(),
        state: assessment.state,
        reason: assessment.reason.clone(),
        source: assessment.source.clone(),
        age_seconds: assessment.age.as_secs(),
        threshold: assessment.threshold,
        estimated_clear: assessment.estimated_clear.map(|left| human::hours(left.as_secs())),
    }
}

/// What no verdict speaks about is unknown, and blocks.
fn never_assessed() -> Constraint {
    Constraint {
        enabled: true,
        status: "unknown".to_owned(),
        level: None,
        blocking: true,
        state: ConstraintState::Unknown,
        reason: "The gateway has not assessed this constraint.".to_owned(),
        source: "none".to_owned(),
        age_seconds: 0,
        threshold: None,
        estimated_clear: None,
    }
}
