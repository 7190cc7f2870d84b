//! The newest messages, for those who come back before long, and for a page that connects a moment after it was rendered.

use super::mailbox::{self, Letter, replace};
use std::{collections::VecDeque, sync::Arc};

/// Messages that are kept. As in a mailbox a newer one about the same takes the place of the older one, so that nearly all of them are lines of
/// the log. They leave room in a mailbox for what comes while they are sent.
const ROOM: usize = mailbox::ROOM / 2;

#[derive(Debug)]
pub(super) struct Recent {
    /// Oldest first.
    letters: VecDeque<Arc<Letter>>,
    /// Everything that is of interest after this event is here.
    since: u64,
}

impl Recent {
    /// For a feed whose newest event is `seq`.
    pub(super) fn new(seq: u64) -> Self {
        Self { letters: VecDeque::new(), since: seq }
    }

    pub(super) fn put(&mut self, letter: Arc<Letter>) {
        replace(&mut self.letters, letter);
        if self.letters.len() > ROOM
            && let Some(oldest) = self.letters.pop_front()
        {
            self.since = oldest.seq;
        }
    }

    /// Events up to `seq` were missed here.
    pub(super) fn lose(&mut self, seq: u64) {
        *self = Self::new(seq);
    }

    /// What is new to somebody who has heard everything up to `heard`; none when that is too long ago.
    pub(super) fn after(&self, heard: u64) -> Option<impl Iterator<Item = Arc<Letter>>> {
        let newer = self.letters.iter().filter(move |letter| letter.seq > heard);
        (heard >= self.since).then(|| newer.map(Arc::clone))
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::mailbox::samples::{line, status},
        *,
    };

    fn after(recent: &Recent, heard: u64) -> Option<Vec<u64>> {
        recent.after(heard).map(|letters| letters.map(|letter| letter.seq).collect())
    }

    #[test]
    fn what_is_newer_comes_in_order_and_without_what_was_replaced() {
        let mut recent = Recent::new(10);
        assert_eq!(after(&recent, 10), Some(vec![]));
        for letter in [line(11), status(12), line(13), status(14)] {
            recent.put(letter);
        }
        assert_eq!(after(&recent, 10), Some(vec![11, 13, 14]));
        assert_eq!(after(&recent, 12), Some(vec![13, 14]));
        assert_eq!(after(&recent, 14), Some(vec![]));
        assert_eq!(after(&recent, 9), None, "what was before is not known here");
    }

    #[test]
    fn the_oldest_give_way_and_are_not_passed_off_as_heard() {
        let mut recent = Recent::new(0);
        let newest = ROOM as u64 + 5;
        for seq in 1..=newest {
            recent.put(line(seq));
        }
        assert_eq!(after(&recent, 4), None);
        assert_eq!(after(&recent, 5).map(|letters| letters.len()), Some(ROOM));
        for seq in newest + 1..newest + 10 * ROOM as u64 {
            recent.put(status(seq));
        }
        assert!(after(&recent, 6).is_some(), "states do not push out more than one line");
    }

    #[test]
    fn after_a_loss_nothing_older_is_known() {
        let mut recent = Recent::new(0);
        recent.put(line(1));
        recent.lose(2);
        recent.put(line(3));
        assert_eq!((after(&recent, 1), after(&recent, 2)), (None, Some(vec![3])));
    }
}
