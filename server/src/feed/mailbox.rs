//! What waits for one listener. Of what only tells how something stands the newest is enough; lines of the log are kept, up to a limit
//! at which everything is given up and told as lost.

use ota_api::ws::{FeedMessage, ServerMessage, Topic};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::Notify;

/// Messages that may wait. What is replaced by newer needs a few dozen; the rest are lines of the log.
pub(super) const ROOM: usize = 256;

/// A message, ready to be sent to everybody.
#[derive(Debug)]
pub(crate) struct Letter {
    pub(crate) seq: u64,
    /// The word in `type`.
    pub(crate) kind: &'static str,
    /// JSON, with the published members alone.
    published: String,
    /// The same with the additions; none where there are none.
    whole: Option<String>,
    subject: Option<Subject>,
}

/// What a message tells the state of: a newer message about the same replaces it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Subject {
    Job(String),
    System,
    Constraint(String),
    Part(Topic),
}

impl Letter {
    pub(super) fn seal(seq: u64, message: ServerMessage) -> Arc<Self> {
        let (kind, subject) = (message.kind(), Subject::of(&message));
        let published = message.clone().published();
        let whole = (published != message).then(|| json(seq, message));
        Arc::new(Self { seq, kind, published: json(seq, published), whole, subject })
    }

    /// JSON for a listener who has asked for additions, or has not.
    pub(crate) fn text(&self, additions: bool) -> &str {
        self.whole.as_deref().filter(|_| additions).unwrap_or(&self.published)
    }
}

impl Subject {
    fn of(message: &ServerMessage) -> Option<Self> {
        match message {
            ServerMessage::UpdateProgress(progress) => Some(Self::Job(progress.job_id.clone())),
            ServerMessage::SystemStatus(_) => Some(Self::System),
            ServerMessage::SafetyUpdate { constraint, .. } => Some(Self::Constraint(constraint.clone())),
            ServerMessage::Changed { what } => Some(Self::Part(*what)),
            ServerMessage::LogEntry(_) | ServerMessage::Resync { .. } => None,
        }
    }
}

fn json(seq: u64, message: ServerMessage) -> String {
    serde_json::to_string(&FeedMessage { message, seq }).unwrap_or_else(|error| {
        // Our own types, whose keys are texts: this does not happen. If it did, whoever listens is to read again.
        tracing::error!(%error, "a message has no JSON form");
        format!(r#"{{"type":"resync","after":null,"seq":{seq}}}"#)
    })
}

/// Adds a message, which takes the place of an older one about the same.
pub(super) fn replace(letters: &mut VecDeque<Arc<Letter>>, letter: Arc<Letter>) {
    if letter.subject.is_some() {
        letters.retain(|waiting| waiting.subject != letter.subject);
    }
    letters.push_back(letter);
}

/// What a listener finds.
#[derive(Debug)]
pub(super) enum Taken {
    Letter(Arc<Letter>),
    Nothing,
    /// Everything after this event; none where nobody knows after which.
    Lost {
        after: Option<u64>,
    },
}

/// One listener's.
#[derive(Debug)]
pub(super) struct Mailbox {
    inside: Mutex<Inside>,
    filled: Notify,
}

#[derive(Debug)]
struct Inside {
    letters: VecDeque<Arc<Letter>>,
    /// The newest event that the listener has heard of, as far as that is known.
    heard: Option<u64>,
    lost: bool,
}

impl Mailbox {
    /// For a listener who need not hear of `heard` and what was before.
    pub(super) fn new(heard: Option<u64>) -> Self {
        let inside = Inside { letters: VecDeque::new(), heard, lost: false };
        Self { inside: Mutex::new(inside), filled: Notify::new() }
    }

    /// Adds a message, of which the listener hears with the next [`Self::call`].
    pub(super) fn put(&self, letter: Arc<Letter>) {
        let mut inside = self.inside();
        if inside.lost {
            return;
        }
        replace(&mut inside.letters, letter);
        if inside.letters.len() > ROOM {
            inside.lose();
        }
    }

    /// Calls the listener where there is something for it.
    pub(super) fn call(&self) {
        let inside = self.inside();
        let something = inside.lost || !inside.letters.is_empty();
        drop(inside);
        if something {
            self.filled.notify_one();
        }
    }

    /// Something that should have come here has not.
    pub(super) fn lose(&self) {
        self.inside().lose();
        self.filled.notify_one();
    }

    /// Starts over with these.
    pub(super) fn refill(&self, letters: impl Iterator<Item = Arc<Letter>>) {
        let mut inside = self.inside();
        inside.letters.clear();
        letters.for_each(|letter| replace(&mut inside.letters, letter));
        inside.lost = false;
        drop(inside);
        self.filled.notify_one();
    }

    pub(super) fn take(&self) -> Taken {
        let mut inside = self.inside();
        if inside.lost {
            return Taken::Lost { after: inside.heard };
        }
        match inside.letters.pop_front() {
            Some(letter) => {
                inside.heard = Some(letter.seq);
                Taken::Letter(letter)
            }
            None => Taken::Nothing,
        }
    }

    /// Returns when there may be something.
    pub(super) async fn filled(&self) {
        self.filled.notified().await;
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    fn lose(&mut self) {
        self.letters.clear();
        self.lost = true;
    }
}

#[cfg(test)]
pub(super) mod samples {
    use super::*;
    use ota_api::{
        monitor::LogLine,
        ws::{LiveResources, SystemStatus},
    };

    pub(in crate::feed) fn status(seq: u64) -> Arc<Letter> {
        let resources = LiveResources { cpu_usage: 1.0, memory_usage: 2.0 };
        let word = || "idle".to_owned();
        let status = SystemStatus {
            status: word(),
            current_operation: word(),
            progress: 0.0,
            resources,
            timestamp: word(),
        };
        Letter::seal(seq, ServerMessage::SystemStatus(status))
    }

    pub(in crate::feed) fn line(seq: u64) -> Arc<Letter> {
        let word = || "x".to_owned();
        let line =
            LogLine { timestamp: word(), level: word(), source: word(), message: word(), id: Some(seq) };
        Letter::seal(seq, ServerMessage::LogEntry(line))
    }
}

#[cfg(test)]
mod tests {
    use super::{
        samples::{line, status},
        *,
    };

    fn part(seq: u64, what: Topic) -> Arc<Letter> {
        Letter::seal(seq, ServerMessage::Changed { what })
    }

    fn numbers(mailbox: &Mailbox) -> Vec<u64> {
        let next = || match mailbox.take() {
            Taken::Letter(letter) => Some(letter.seq),
            Taken::Nothing => None,
            Taken::Lost { .. } => panic!("lost"),
        };
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn the_newest_of_a_kind_replaces_older_ones_and_lines_of_the_log_stay() {
        let mailbox = Mailbox::new(Some(0));
        let all = [line(1), status(2), part(3, Topic::Status), line(4), status(5), part(6, Topic::Updates)];
        for letter in all.into_iter().chain([line(7), status(8), part(9, Topic::Status)]) {
            mailbox.put(letter);
        }
        assert_eq!(numbers(&mailbox), [1, 4, 6, 7, 8, 9]);
    }

    #[test]
    fn a_full_mailbox_is_given_up_as_a_whole_and_says_from_where() {
        let mailbox = Mailbox::new(Some(0));
        mailbox.put(line(1));
        mailbox.put(line(2));
        assert!(matches!(mailbox.take(), Taken::Letter(letter) if letter.seq == 1));
        let mut seq = 2;
        for _ in 0..=ROOM {
            seq += 1;
            mailbox.put(line(seq));
        }
        assert!(matches!(mailbox.take(), Taken::Lost { after: Some(1) }));
        mailbox.put(line(seq + 1));
        assert!(matches!(mailbox.take(), Taken::Lost { after: Some(1) }), "until it is refilled");
        mailbox.refill([status(seq + 1)].into_iter());
        mailbox.put(line(seq + 2));
        assert_eq!(numbers(&mailbox), [seq + 1, seq + 2]);
    }

    #[test]
    fn what_is_lost_before_anything_was_taken_is_lost_after_what_the_listener_had() {
        for heard in [Some(1), None] {
            let mailbox = Mailbox::new(heard);
            mailbox.refill((2..2 + ROOM as u64).map(line));
            mailbox.put(line(2 + ROOM as u64));
            assert!(matches!(mailbox.take(), Taken::Lost { after } if after == heard));
        }
    }

    #[test]
    fn what_only_tells_how_things_stand_never_fills_it() {
        let mailbox = Mailbox::new(Some(0));
        for seq in 0..10 * ROOM as u64 {
            mailbox.put(status(seq));
        }
        assert_eq!(numbers(&mailbox).len(), 1);
    }
}
