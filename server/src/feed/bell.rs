//! When listeners are called: at once where it was quiet, and otherwise together for all that came in the meantime. A burst is then few
//! writes for each of a thousand connections instead of one for each message.

use std::time::Duration;
use tokio::time::Instant;

/// Time in which messages are gathered; nobody sees a page change faster.
const GATHER: Duration = Duration::from_millis(40);
/// Messages for which nobody waits any longer: a mailbox has room for many more.
const MANY: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Bell {
    /// Messages since it rang.
    waiting: usize,
    quiet_until: Option<Instant>,
    due: Option<Instant>,
}

impl Bell {
    /// A message has come.
    pub(super) fn put(&mut self, now: Instant) {
        self.waiting += 1;
        let quiet = self.quiet_until.filter(|_| self.waiting < MANY);
        let ring = quiet.map_or(now, |until| until.max(now));
        self.due = Some(self.due.map_or(ring, |due| due.min(ring)));
    }

    /// When it rings; never when nothing has come.
    pub(super) const fn due(&self) -> Option<Instant> {
        self.due
    }

    /// It rings.
    pub(super) fn ring(&mut self, now: Instant) {
        *self = Self { waiting: 0, quiet_until: Some(now + GATHER), due: None };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_rings_at_once_after_a_quiet_time_and_then_for_all_that_came() {
        let (mut bell, start) = (Bell::default(), Instant::now());
        assert_eq!(bell.due(), None);
        bell.put(start);
        assert_eq!(bell.due(), Some(start));
        bell.ring(start);
        assert_eq!(bell.due(), None);
        let later = start + GATHER / 4;
        bell.put(later);
        bell.put(later);
        assert_eq!(bell.due(), Some(start + GATHER));
        bell.put(start + 2 * GATHER);
        assert_eq!(bell.due(), Some(start + GATHER), "what comes later does not put it off");
        bell.ring(start + 2 * GATHER);
        let quiet = start + 4 * GATHER;
        bell.put(quiet);
        assert_eq!(bell.due(), Some(quiet));
    }

    #[test]
    fn many_messages_do_not_wait() {
        let (mut bell, start) = (Bell::default(), Instant::now());
        bell.ring(start);
        for _ in 1..MANY {
            bell.put(start);
        }
        assert_eq!(bell.due(), Some(start + GATHER));
        bell.put(start);
        assert_eq!(bell.due(), Some(start));
    }
}
