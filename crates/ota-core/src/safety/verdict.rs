//! All constraints, assessed for one phase at one moment.

use super::{ConstraintId, ConstraintState, Phase};
use std::time::Duration;

/// One constraint as it stands at the moment of a verdict.
#[derive(Debug, Clone, PartialEq)]
pub struct Assessment {
    pub constraint: ConstraintId,
    pub enabled: bool,
    pub state: ConstraintState,
    pub status: String,
    pub level: Option<f64>,
    pub threshold: Option<f64>,
    pub source: String,
    pub reason: String,
    pub age: Duration,
    /// When it is expected to stop blocking; `None` where nobody can say.
    pub estimated_clear: Option<Duration>,
    /// An override takes it out of the verdict, whatever its state.
    pub overridden: bool,
}

impl Assessment {
    /// The constraint stands against an operation. An override does not change that; it only makes it not count.
    #[must_use]
    pub fn is_blocking(&self) -> bool {
        self.enabled && self.state != ConstraintState::Clear
    }
}

/// All constraints, assessed for one phase at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    pub phase: Phase,
    /// Every constraint, in the order of [`ConstraintId::ALL`].
    pub assessments: Vec<Assessment>,
}

/// The constraints that forbid a phase.
#[derive(Debug, Clone, PartialEq)]
pub struct Blocked(pub Vec<Assessment>);

impl Verdict {
    /// The assessments that forbid the phase.
    pub fn blocking(&self) -> impl Iterator<Item = &Assessment> {
        let asked = self.phase.constraints();
        let forbids = |a: &&Assessment| a.is_blocking() && !a.overridden;
        self.assessments.iter().filter(|a| asked.contains(&a.constraint)).filter(forbids)
    }

    #[must_use]
    pub fn is_clear(&self) -> bool {
        self.blocking().next().is_none()
    }

    /// # Errors
    /// [`Blocked`] with every constraint that forbids the phase.
    pub fn permit(&self) -> Result<(), Blocked> {
        let blocking: Vec<_> = self.blocking().cloned().collect();
        if blocking.is_empty() { Ok(()) } else { Err(Blocked(blocking)) }
    }
}
