//! Section 6: the interlocks.

use ota_core::ConstraintState;
use serde::{Deserialize, Serialize};

/// `GET safety`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Safety {
    pub constraints: Constraints,
    pub force_override: bool,
    /// Every enabled constraint is clear.
    pub update_allowed: bool,
}

/// The three constraints of the published interface, and network and load beside them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    /// Takes in what has become of one constraint.
    pub fn set(&mut self, name: &str, current: Constraint) {
        if let Some(constraint) = self.constraints.named_mut(name) {
            *constraint = current;
        }
        self.update_allowed = self.constraints.named().iter().all(|(_, constraint)| !constraint.blocking);
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
}

/// A constraint in the details of `OTA_UPDATE_BLOCKED`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BlockingConstraint {
    pub constraint: String,
    #[serde(flatten)]
    pub current: Constraint,
}
