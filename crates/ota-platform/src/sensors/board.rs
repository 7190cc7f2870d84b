//! Where the sources leave what they last found.

use ota_core::{ConstraintId, ConstraintState, Reading};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The latest reading of each constraint.
#[derive(Debug, Default)]
pub(super) struct Board(Mutex<BTreeMap<ConstraintId, Reading>>);

/// What a value means for its constraint.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Judgement {
    pub(super) state: ConstraintState,
    pub(super) status: String,
    /// Where there is none, the last one stays on the board.
    pub(super) level: Option<f64>,
    pub(super) threshold: Option<f64>,
    pub(super) reason: String,
}

impl Judgement {
    pub(super) fn unknown(reason: String, threshold: Option<f64>) -> Self {
        let (state, status) = (ConstraintState::Unknown, "unknown".to_owned());
        Self { state, status, level: None, threshold, reason }
    }
}

impl Board {
    pub(super) fn all(&self) -> Vec<Reading> {
        self.lock().values().cloned().collect()
    }

    /// Notes what was found at `at` on the boot clock. A change of state is logged.
    pub(super) fn put(
        &self,
        constraint: ConstraintId,
        judgement: Judgement,
        source: &str,
        at: Duration,
        max_age: Duration,
    ) {
        let mut readings = self.lock();
        let before = readings.get(&constraint);
        if before.map(|before| before.state) != Some(judgement.state) {
            tracing::info!(%constraint, state = ?judgement.state, source, reason = judgement.reason, "constraint changed");
        }
        let level = judgement.level.or_else(|| before.and_then(|before| before.level));
        let reading = Reading {
            constraint,
            state: judgement.state,
            status: judgement.status,
            level,
            threshold: judgement.threshold,
            source: source.to_owned(),
            reason: judgement.reason,
            at,
            max_age,
        };
        readings.insert(constraint, reading);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ConstraintId, Reading>> {
        // A whole reading is put in at once, so a panic elsewhere leaves no half of one.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
