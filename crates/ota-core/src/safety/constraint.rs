//! What is watched, and what a source says about it.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr, time::Duration};

/// The constraints of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConstraintId {
    CraneMotion,
    AcsCollision,
    UpsBattery,
    Network,
    SystemLoad,
}

impl ConstraintId {
    pub const ALL: [Self; 5] =
        [Self::CraneMotion, Self::AcsCollision, Self::UpsBattery, Self::Network, Self::SystemLoad];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CraneMotion => "crane_motion",
            Self::AcsCollision => "acs_collision",
            Self::UpsBattery => "ups_battery",
            Self::Network => "network",
            Self::SystemLoad => "system_load",
        }
    }
}

impl fmt::Display for ConstraintId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A constraint that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no safety constraint “{0}”")]
pub struct UnknownConstraint(pub String);

impl FromStr for ConstraintId {
    type Err = UnknownConstraint;
    fn from_str(name: &str) -> Result<Self, UnknownConstraint> {
        Self::ALL.into_iter().find(|id| id.as_str() == name).ok_or_else(|| UnknownConstraint(name.to_owned()))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ConstraintState {
    Clear,
    Blocking,
    Unknown,
}

/// What a source last said about one constraint.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    pub constraint: ConstraintId,
    pub state: ConstraintState,
    /// The word shown as the constraint's status: `idle`, `moving`, `clear`, `risk`, `online`, `unknown` …
    pub status: String,
    /// The measured number, where there is one (battery in percent, load per core).
    pub level: Option<f64>,
    /// The limit that the number is held against.
    pub threshold: Option<f64>,
    /// Where it comes from, in words.
    pub source: String,
    /// One sentence for the technician; says what is wrong when it is not clear.
    pub reason: String,
    /// When it was measured, on the boot clock.
    pub at: Duration,
    /// Older than this it counts as unknown.
    pub max_age: Duration,
    /// How long after `at` it is expected to clear, where the source can say it.
    pub clears_in: Option<Duration>,
}
