//! How far the hash tree has confirmed the payload, for threads that use what it has confirmed.
//!
//! Decompressors follow behind: they never meet a byte that nobody signed. The tree waits too when it is far ahead,
//! so that what it has read is still in the page cache for those behind, and the disk is read once.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::Error;

/// How far the tree may be ahead of what was asked for, in bytes.
const LEAD: u64 = 16 << 20;

#[derive(Default)]
struct State {
    /// Everything before it is what was signed.
    confirmed: u64,
    /// The furthest end that a follower has asked for.
    wanted: u64,
    /// No more will be confirmed.
    ended: bool,
}

struct Shared {
    /// Bytes that will be confirmed when all goes well.
    total: u64,
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    /// The state is valid after every statement, hence a panic while it was locked has spoilt nothing.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_while(&self, condition: impl FnMut(&mut State) -> bool) -> MutexGuard<'_, State> {
        self.changed.wait_while(self.lock(), condition).unwrap_or_else(PoisonError::into_inner)
    }
}

/// The side that confirms. Dropped, it has ended.
pub(crate) struct Leader(Arc<Shared>);

/// The side that waits. Dropped, it wants nothing more, and the leader need not wait for it.
pub(crate) struct Follower(Arc<Shared>);

/// A payload of `total` bytes of which nothing is confirmed yet.
pub(crate) fn frontier(total: u64) -> (Leader, Follower) {
    let state = Mutex::new(State::default());
    let shared = Arc::new(Shared { total, state, changed: Condvar::new() });
    (Leader(Arc::clone(&shared)), Follower(shared))
}

impl Leader {
    /// Declares everything before `end` confirmed, and waits while that is too far ahead.
    pub(crate) fn confirm(&self, end: u64) {
        self.0.lock().confirmed = end;
        self.0.changed.notify_all();
        drop(self.0.wait_while(|state| end > state.wanted.saturating_add(LEAD)));
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        self.0.lock().ended = true;
        self.0.changed.notify_all();
    }
}

impl Follower {
    /// Waits until everything before `end` is confirmed.
    ///
    /// # Errors
    /// [`Error::Malformed`] beyond the end of the payload, [`Error::Cancelled`] where the leader ended before; why is
    /// the leader's to say.
    pub(crate) fn reach(&self, end: u64) -> Result<(), Error> {
        if end > self.0.total {
            return Err(Error::squashfs("it points beyond its end"));
        }
        let mut state = self.0.lock();
        if state.wanted < end {
            state.wanted = end;
            self.0.changed.notify_all();
        }
        drop(state);
        let state = self.0.wait_while(|state| state.confirmed < end && !state.ended);
        if state.confirmed < end { Err(Error::Cancelled) } else { Ok(()) }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.0.lock().wanted = u64::MAX;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::ErrorKind;

    #[test]
    fn followers_get_what_is_confirmed_and_no_more() {
        let (leader, follower) = frontier(100);
        leader.confirm(60);
        follower.reach(60).unwrap();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| follower.reach(100));
            leader.confirm(100);
            waiting.join().unwrap().unwrap();
        });
        assert_eq!(follower.reach(101).unwrap_err().kind(), ErrorKind::Malformed);
    }

    #[test]
    fn an_early_end_releases_the_followers() {
        let (leader, follower) = frontier(100);
        leader.confirm(60);
        thread::scope(|scope| {
            let waiting = scope.spawn(|| follower.reach(61));
            drop(leader);
            assert_eq!(waiting.join().unwrap().unwrap_err().kind(), ErrorKind::Cancelled);
        });
        follower.reach(60).unwrap();
    }

    #[test]
    fn the_leader_waits_for_followers_until_they_are_gone() {
        let (leader, follower) = frontier(u64::MAX);
        thread::scope(|scope| {
            let leading = scope.spawn(|| {
                leader.confirm(LEAD + 5);
                leader.confirm(10 * LEAD);
            });
            follower.reach(5).unwrap();
            follower.reach(6).unwrap();
            assert!(!leading.is_finished(), "nobody has asked for more than LEAD + 6");
            drop(follower);
        });
    }
}
