//! The brake on refusals: whoever is refused again and again must not be able to fill the disk.

use super::{AuditAction, AuditEntry};
use std::{collections::BTreeMap, time::Duration};

/// Equal refusals that have a record each, in one window.
const EACH: u64 = 20;
/// From the first of them on.
const WINDOW: Duration = Duration::from_secs(3600);

/// User, action, code. Attempts to log in are anonymous: names and addresses are what the attacker chooses.
type Key = (String, AuditAction, String);

/// Counts equal refusals. The first ones of an hour are recorded one by one, the others as a number when the hour is over.
#[derive(Debug, Default)]
pub struct Repeats {
    windows: BTreeMap<Key, Window>,
}

#[derive(Debug)]
struct Window {
    began: Duration,
    count: u64,
    /// The latest one.
    last: AuditEntry,
}

impl Repeats {
    /// True when this refusal has a record of its own. `now` is the boot clock.
    pub fn admit(&mut self, entry: &AuditEntry, now: Duration) -> bool {
        let window = self.windows.entry(key(entry)).or_insert_with(|| Window {
            began: now,
            count: 0,
            last: entry.clone(),
        });
        window.count = window.count.saturating_add(1);
        window.last = entry.clone();
        window.count <= EACH
    }

    /// What is left to be recorded of the windows that are over at `now`.
    pub fn due(&mut self, now: Duration) -> Vec<AuditEntry> {
        let over = |window: &Window| now.saturating_sub(window.began) >= WINDOW;
        self.take(over)
    }

    /// What is left to be recorded of all windows.
    pub fn rest(&mut self) -> Vec<AuditEntry> {
        self.take(|_| true)
    }

    fn take(&mut self, over: impl Fn(&Window) -> bool) -> Vec<AuditEntry> {
        let mut entries = Vec::new();
        self.windows.retain(|_, window| {
            let over = over(window);
            if over {
                entries.extend(summary(window));
            }
            !over
        });
        entries
    }
}

fn key(entry: &AuditEntry) -> Key {
    let anonymous = entry.action == AuditAction::LoginFailed;
    let name = if anonymous { String::new() } else { entry.actor.name.clone() };
    (name, entry.action, entry.outcome.code().to_owned())
}

fn summary(window: &Window) -> Option<AuditEntry> {
    let more = window.count.checked_sub(EACH).filter(|more| *more > 0)?;
    let detail = format!("{more} more of these, not recorded one by one; this is the last of them");
    Some(window.last.clone().saying(detail))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Actor, AuditOutcome};

    fn refused(name: &str, action: AuditAction) -> AuditEntry {
        AuditEntry::new(&Actor::remote(name, None), action, AuditOutcome::refused("busy"))
    }

    #[test]
    fn a_flood_leaves_twenty_records_and_a_number() {
        let mut repeats = Repeats::default();
        let entry = refused("olga", AuditAction::Download);
        let each = (0..1000).filter(|_| repeats.admit(&entry, Duration::ZERO)).count();
        assert_eq!(each, 20);
        assert!(
            repeats.admit(&refused("vic", AuditAction::Download), Duration::ZERO),
            "of others it says nothing"
        );
        assert_eq!(repeats.due(WINDOW - Duration::from_secs(1)), []);
        let due = repeats.due(WINDOW);
        assert_eq!(due.len(), 1, "one refusal of vic needs no number");
        assert!(due.iter().all(|entry| entry.detail.starts_with("980 more")), "{due:?}");
        assert!(repeats.admit(&entry, WINDOW), "a new hour begins");
        assert_eq!(repeats.rest(), []);
    }

    #[test]
    fn names_that_are_tried_at_the_login_share_one_count() {
        let mut repeats = Repeats::default();
        let names = (0..1000).map(|number| refused(&format!("user{number}"), AuditAction::LoginFailed));
        assert_eq!(names.filter(|entry| repeats.admit(entry, Duration::ZERO)).count(), 20);
        assert_eq!(repeats.rest().len(), 1);
    }
}
