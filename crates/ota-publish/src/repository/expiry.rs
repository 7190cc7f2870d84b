//! How long metadata is trusted.

use jiff::{SignedDuration, Timestamp};

const ROOT_DAYS: i64 = 3650;
const TARGETS_DAYS: i64 = 365;
const SNAPSHOT_DAYS: i64 = 30;
const TIMESTAMP_DAYS: i64 = 7;

/// The times at which newly signed metadata expires, in whole seconds (TUF 4.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expiry {
    pub root: Timestamp,
    pub targets: Timestamp,
    pub snapshot: Timestamp,
    pub timestamp: Timestamp,
}

impl Expiry {
    /// The usual lifetimes counted from `now`: the less often a key is used, the longer its signatures hold.
    #[must_use]
    pub fn after(now: Timestamp) -> Self {
        Self {
            root: later(now, ROOT_DAYS),
            targets: later(now, TARGETS_DAYS),
            snapshot: later(now, SNAPSHOT_DAYS),
            timestamp: later(now, TIMESTAMP_DAYS),
        }
    }

    /// The usual lifetimes counted from the wall clock.
    #[must_use]
    pub fn usual() -> Self {
        Self::after(Timestamp::now())
    }

    /// Everything but the root expires at `when`; the root keeps its usual lifetime, for it is what a gateway starts from.
    #[must_use]
    pub fn at(when: Timestamp) -> Self {
        let when = whole_seconds(when);
        Self { root: later(Timestamp::now(), ROOT_DAYS), targets: when, snapshot: when, timestamp: when }
    }

    /// Whether a refresh signs the list of targets anew that expires at `current`: when it is to end sooner, or when half of
    /// its usual lifetime would be gained. Between these its key can stay in the safe.
    #[must_use]
    pub fn renews(&self, current: Timestamp) -> bool {
        self.targets < current
            || self.targets.duration_since(current) > SignedDuration::from_hours(24 * TARGETS_DAYS / 2)
    }
}

fn later(now: Timestamp, days: i64) -> Timestamp {
    now.checked_add(SignedDuration::from_hours(24 * days)).map_or(Timestamp::MAX, whole_seconds)
}

fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::Expiry;
    use jiff::{SignedDuration, Timestamp};

    #[test]
    fn targets_are_renewed_in_the_second_half_of_their_life_or_to_end_sooner() {
        let now: Timestamp = "2025-03-15T10:00:00.5Z".parse().unwrap();
        let signed = Expiry::after(now).targets;
        assert_eq!(signed.subsec_nanosecond(), 0);
        let days = |count: i64| Expiry::after(now + SignedDuration::from_hours(24 * count));
        assert!(!days(0).renews(signed));
        assert!(!days(180).renews(signed));
        assert!(days(184).renews(signed));
        assert!(Expiry::at(now).renews(signed));
    }
}
