//! When the repository is asked.

use jiff::Timestamp;
use std::time::Duration;

use super::ScheduleState;
use crate::{Facts, Place};

/// The first pause after what failed; it doubles with each further failure.
const RETRY: Duration = Duration::from_secs(60);

/// When the next check is due; `now` where it is due or overdue. None where no interval is set.
///
/// The interval is longer by up to a tenth, and always by the same part for a gateway, so that many gateways that were switched
/// on together do not ask together for ever. A last check that lies further away than the interval, before or behind, makes one due: a clock
/// that is set cannot put it off by more than one interval.
#[must_use]
pub fn next_check(now: Timestamp, state: &ScheduleState, facts: &Facts<'_>) -> Option<Timestamp> {
    let interval = facts.settings.check_interval(facts.site_check_interval)?;
    let Some(last) = state.last_check else {
        return Some(now);
    };
    let place = Place::of(facts.gateway, &["check"]);
    let pause = match last.failures {
        0 => interval,
        failures => retry_pause(failures).min(interval),
    };
    let pause = pause.saturating_add(place.share(pause / 10));
    let due = last.at.checked_add(pause).ok()?;
    let away = last.at.duration_since(now).unsigned_abs();
    Some(if away < pause { due } else { now })
}

/// The pause after that many failures in a row.
pub(super) fn retry_pause(failures: u32) -> Duration {
    let doubled = failures.saturating_sub(1).min(16);
    RETRY.saturating_mul(1 << doubled)
}
