//! Where the sources leave what they last found.

use super::rule::Judgement;
use ota_core::{ConstraintId, ConstraintState, Reading};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A signal that was not clear is shown for this long at least: nobody who looks now and then misses a short one, and one that
/// flaps is not clear in between.
const SHOWN_AT_LEAST: Duration = Duration::from_secs(1);

/// The latest reading of each constraint.
#[derive(Debug, Default)]
pub(super) struct Board(Mutex<BTreeMap<ConstraintId, Entry>>);

#[derive(Debug)]
struct Entry {
    latest: Reading,
    /// The last one that was not clear, and when it was noted: an answer may have taken long.
    trouble: Option<(Reading, Duration)>,
    /// State that the log was last told, and when.
    logged: (ConstraintState, Duration),
}

impl Board {
    /// What holds at `now` on the boot clock.
    pub(super) fn all(&self, now: Duration) -> Vec<Reading> {
        let shown = |entry: &Entry| match &entry.trouble {
            Some((trouble, noted)) if now.saturating_sub(*noted) < SHOWN_AT_LEAST => trouble.clone(),
            _ => entry.latest.clone(),
        };
        self.lock().values().map(shown).collect()
    }

    /// Notes, at `noted` on the boot clock, what was found at `at`. A change of state is logged, but not each of one that flaps.
    pub(super) fn put(
        &self,
        constraint: ConstraintId,
        judgement: Judgement,
        source: String,
        (at, noted): (Duration, Duration),
        max_age: Duration,
    ) {
        let mut entries = self.lock();
        let before = entries.remove(&constraint);
        let last_level = before.as_ref().and_then(|before| before.latest.level);
        let latest = Reading {
            constraint,
            state: judgement.state,
            status: judgement.status,
            level: judgement.level.or(last_level),
            threshold: judgement.threshold,
            source,
            reason: judgement.reason,
            at,
            max_age,
            clears_in: judgement.clears_in,
        };
        let logged = before.as_ref().map(|before| before.logged);
        let quiet = logged.is_some_and(|(state, when)| {
            state == latest.state || noted.saturating_sub(when) < SHOWN_AT_LEAST
        });
        if !quiet {
            let Reading { state, source, reason, .. } = &latest;
            tracing::info!(%constraint, ?state, source, reason, "constraint changed");
        }
        let logged = logged.filter(|_| quiet).unwrap_or((latest.state, noted));
        let trouble = if latest.state == ConstraintState::Clear {
            before.and_then(|before| before.trouble)
        } else {
            Some((latest.clone(), noted))
        };
        entries.insert(constraint, Entry { latest, trouble, logged });
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ConstraintId, Entry>> {
        // A whole entry is put in at once, so a panic elsewhere leaves no half of one.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ConstraintState::{Blocking, Clear};

    #[test]
    fn a_short_trouble_is_seen_and_a_flapping_signal_is_not_clear_in_between() {
        let board = Board::default();
        let put = |state, at| {
            let judgement = Judgement { state, ..Judgement::unknown(String::new(), None) };
            let at = Duration::from_millis(at);
            board.put(ConstraintId::CraneMotion, judgement, String::new(), (at, at), Duration::from_secs(5));
        };
        let state = |now| board.all(Duration::from_millis(now)).first().map(|reading| reading.state);
        put(Clear, 0);
        assert_eq!(state(0), Some(Clear), "the first reading is shown at once");
        put(Blocking, 5000);
        put(Clear, 5001);
        assert_eq!(state(5002), Some(Blocking));
        put(Clear, 5900);
        assert_eq!((state(5999), state(6000)), (Some(Blocking), Some(Clear)));
        for tenth in 0..100 {
            let at = 10_000 + tenth * 100;
            put(if tenth % 2 == 0 { Blocking } else { Clear }, at);
            assert_eq!(state(at + 50), Some(Blocking), "{at}");
        }
    }

    #[test]
    fn the_last_level_stays() {
        let board = Board::default();
        for (level, at) in [(Some(80.0), 0), (None, 1)] {
            let judgement = Judgement { level, ..Judgement::unknown(String::new(), None) };
            let at = Duration::from_secs(at);
            board.put(ConstraintId::UpsBattery, judgement, String::new(), (at, at), Duration::from_secs(5));
        }
        assert_eq!(board.all(Duration::from_secs(2)).first().and_then(|reading| reading.level), Some(80.0));
    }
}
