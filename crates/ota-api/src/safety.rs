//! Section 6: the interlocks.

use ota_core::ConstraintState;
use serde::{Deserialize, Serialize};
use std::fmt;

/// `GET safety`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Safety {
    pub constraints: Constraints,
    /// An override is in force.
    pub force_override: bool,
    /// Every enabled constraint is clear or overridden.
    pub update_allowed: bool,
    /// Addition: the override in force, or the request for one that waits for a second person.
    #[serde(rename = "override", default, skip_serializing_if = "Option::is_none")]
    pub force: Option<Force>,
    /// Addition: the constraints that may be overridden on this gateway.
    pub overridable: Vec<String>,
    /// Addition: an override needs two administrators.
    pub second_person: bool,
}

/// An override of constraints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Force {
    /// False while it waits for the second person.
    pub active: bool,
    pub by: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed_by: Option<String>,
    pub reason: String,
    pub constraints: Vec<String>,
    /// The operation that it serves; absent until the next one starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_id: Option<String>,
    pub expires_at: String,
    pub remaining_seconds: u64,
}

/// The body of `POST safety/override`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct OverrideRequest {
    pub enable: bool,
    /// Needed to enable.
    #[serde(default)]
    pub pin: Option<String>,
    #[cfg_attr(feature = "openapi", schema(min_length = 1))]
    pub reason: String,
    /// Needed to enable: names of constraints.
    #[serde(default)]
    pub constraints: Option<Vec<String>>,
}

/// The PIN stays out of logs.
impl fmt::Debug for OverrideRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { enable, pin: _, reason, constraints } = self;
        f.debug_struct("OverrideRequest")
            .field("enable", enable)
            .field("reason", reason)
            .field("constraints", constraints)
            .finish_non_exhaustive()
    }
}

/// The answer of `POST safety/override`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OverrideState {
    pub override_enabled: bool,
    /// When it is over by itself; for one that was ended, or is not in force yet, this moment.
    pub expires_at: String,
    pub overridden_constraints: Vec<String>,
    pub update_allowed: bool,
    /// Addition: another administrator has to ask for the same.
    pub awaiting_second_person: bool,
    /// Addition.
    pub remaining_seconds: u64,
}

/// The three constraints of the published interface, and network and load beside them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Constraints {
    pub crane_motion: Constraint,
    pub acs_collision: Constraint,
    pub ups_battery: Constraint,
    pub network: Constraint,
    pub system_load: Constraint,
}

impl Constraints {
    /// The constraint of this name on the wire.
    pub fn named_mut(&mut self, name: &str) -> Option<&mut Constraint> {
        match name {
            "crane_motion" => Some(&mut self.crane_motion),
            "acs_collision" => Some(&mut self.acs_collision),
            "ups_battery" => Some(&mut self.ups_battery),
            "network" => Some(&mut self.network),
            "system_load" => Some(&mut self.system_load),
            _ => None,
        }
    }

    /// Each with its name on the wire.
    #[must_use]
    pub fn named(&self) -> [(&'static str, &Constraint); 5] {
        [
            ("crane_motion", &self.crane_motion),
            ("acs_collision", &self.acs_collision),
            ("ups_battery", &self.ups_battery),
            ("network", &self.network),
            ("system_load", &self.system_load),
        ]
    }
}

impl Safety {
    /// Whether a constraint stands against a new operation. An override that another one has does not help.
    #[must_use]
    pub fn counts(&self, constraint: &Constraint) -> bool {
        let free = self.force.as_ref().is_some_and(|force| force.job_id.is_none());
        constraint.blocking && !(constraint.overridden && free)
    }

    /// So many seconds have passed.
    pub fn count_down(&mut self, seconds: u64) {
        if let Some(force) = &mut self.force {
            force.remaining_seconds = force.remaining_seconds.saturating_sub(seconds);
        }
    }

    /// Takes in what has become of one constraint.
    pub fn set(&mut self, name: &str, current: Constraint) {
        if let Some(constraint) = self.constraints.named_mut(name) {
            *constraint = current;
        }
        self.update_allowed = self.constraints.named().iter().all(|(_, constraint)| !self.counts(constraint));
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Constraint {
    pub enabled: bool,
    /// A word: `idle`, `moving`, `clear`, `risk`, `unknown` …
    pub status: String,
    /// Percent of charge for the battery, load per core for the load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<f64>,
    pub blocking: bool,
    /// Addition: `unknown` blocks as `blocking` does.
    pub state: ConstraintState,
    /// Addition: one sentence.
    pub reason: String,
    pub source: String,
    pub age_seconds: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// `hh:mm:ss`; null when nobody can say.
    pub estimated_clear: Option<String>,
    /// Addition: it does not count, whatever its state.
    pub overridden: bool,
}

/// A constraint in the details of `OTA_UPDATE_BLOCKED`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BlockingConstraint {
    pub constraint: String,
    #[serde(flatten)]
    pub current: Constraint,
}
