//! The live feed: what happens on the gateway, numbered, for everybody who listens.
//!
//! One task follows the engine's events and puts each message into the mailbox of every listener. The WebSocket and the server-sent
//! events only carry what a [`Subscription`] gives them.

mod listener;
mod mailbox;
mod pace;

pub(crate) use listener::{BEAT, End, PATIENCE, no_longer_welcome};
pub(crate) use mailbox::Letter;

use app::api::{convert, server_message};
use jiff::Timestamp;
use mailbox::{Mailbox, Taken};
use ota_api::ws::ServerMessage;
use ota_engine::{Event, JobView, Ota};
use pace::Pace;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use tokio::sync::{
    OwnedSemaphorePermit, Semaphore,
    broadcast::{Receiver, error::RecvError},
};
use tokio_util::sync::CancellationToken;

/// Listeners at the same time.
const SEATS: usize = 1024;

/// The feed of this gateway.
pub struct Feed {
    ota: Arc<Ota>,
    seats: Arc<Semaphore>,
    post: Mutex<Post>,
}

/// Held while something is put into mailboxes, so that numbers and content come in the same order everywhere.
struct Post {
    /// Number of the newest event.
    seq: u64,
    mailboxes: Vec<Weak<Mailbox>>,
}

/// Room for one listener.
pub(crate) struct Seat {
    /// Given back when it is dropped.
    _permit: OwnedSemaphorePermit,
}

/// What a client says it has heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    /// It is new here.
    Nothing,
    /// Everything up to this event; none when it names one that cannot be.
    UpTo(Option<u64>),
}

impl Feed {
    /// Nothing is sent before [`Feed::follow`] runs.
    #[must_use]
    pub fn new(ota: Arc<Ota>) -> Self {
        // Milliseconds: the numbers of a later run of the service are larger ones, as long as the clock is not put back.
        let seq = u64::try_from(Timestamp::now().as_millisecond()).unwrap_or_default();
        let post = Mutex::new(Post { seq, mailboxes: Vec::new() });
        Self { ota, seats: Arc::new(Semaphore::new(SEATS)), post }
    }

    /// Hands on what the engine tells until `stop`.
    pub async fn follow(self: Arc<Self>, mut events: Receiver<Event>, stop: CancellationToken) {
        let mut pace = Pace::default();
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                view = pace.due() => self.publish(&Event::Progress(view)),
                event = events.recv() => match event {
                    Ok(Event::Progress(view)) => pace.put(view),
                    Ok(event) => self.publish(&event),
                    Err(RecvError::Lagged(_)) => self.lose(),
                    Err(RecvError::Closed) => return,
                },
            }
        }
    }

    /// Room for one more, if there is any.
    pub(crate) fn seat(&self) -> Option<Seat> {
        Arc::clone(&self.seats).try_acquire_owned().ok().map(|permit| Seat { _permit: permit })
    }

    /// Listens from now on. How things stand comes first.
    pub(crate) fn subscribe(self: &Arc<Self>, seat: Seat, heard: Heard) -> Subscription {
        let mut post = self.post();
        let mailbox = Arc::new(Mailbox::new(post.seq));
        post.mailboxes.push(Arc::downgrade(&mailbox));
        let missed = match heard {
            Heard::UpTo(after) if after != Some(post.seq) => Some(after),
            _ => None,
        };
        self.greet(&post, &mailbox, missed);
        drop(post);
        Subscription { feed: Arc::clone(self), mailbox, _seat: seat }
    }

    /// Tells how things stand, and before that what was missed. Whatever comes later into the mailbox is newer.
    fn greet(&self, post: &Post, mailbox: &Mailbox, missed: Option<Option<u64>>) {
        let (snapshot, now) = (self.ota.snapshot(), Timestamp::now());
        let resync = missed.map(|after| ServerMessage::Resync { after });
        let messages = resync
            .into_iter()
            .chain([convert::system_status(&snapshot, now)])
            .chain(convert::shown_job(&snapshot, now));
        mailbox.refill(messages.map(|message| Letter::seal(post.seq, message)));
    }

    fn publish(&self, event: &Event) {
        let mut post = self.post();
        post.seq = post.seq.saturating_add(1);
        post.mailboxes.retain(|mailbox| mailbox.strong_count() > 0);
        if post.mailboxes.is_empty() {
            return;
        }
        let letter = Letter::seal(post.seq, self.message(event));
        for mailbox in post.mailboxes.iter().filter_map(Weak::upgrade) {
            mailbox.put(Arc::clone(&letter));
        }
    }

    /// What is said of an event is how things stand by now: nobody is shown what is older than what they were greeted with.
    fn message(&self, event: &Event) -> ServerMessage {
        let (snapshot, now) = (self.ota.snapshot(), Timestamp::now());
        let newer = |view: &JobView| snapshot.job.clone().filter(|shown| shown.job.id == view.job.id);
        match event {
            Event::Progress(view) => convert::update_progress(newer(view).as_ref().unwrap_or(view), now),
            event => server_message(event, &snapshot, now),
        }
    }

    /// Events were missed here, and so by everybody.
    fn lose(&self) {
        let mut post = self.post();
        post.seq = post.seq.saturating_add(1);
        for mailbox in post.mailboxes.iter().filter_map(Weak::upgrade) {
            mailbox.lose();
        }
    }

    fn post(&self) -> MutexGuard<'_, Post> {
        self.post.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One listener's part of the feed.
pub(crate) struct Subscription {
    feed: Arc<Feed>,
    mailbox: Arc<Mailbox>,
    _seat: Seat,
}

impl Subscription {
    /// The next message, where one waits already.
    pub(crate) fn waiting(&mut self) -> Option<Arc<Letter>> {
        match self.mailbox.take() {
            Taken::Letter(letter) => Some(letter),
            // What was lost is told when the next one is waited for.
            Taken::Lost { .. } | Taken::Nothing => None,
        }
    }

    /// The next message. Nothing is lost when this is not waited for to the end.
    pub(crate) async fn next(&mut self) -> Arc<Letter> {
        loop {
            match self.mailbox.take() {
                Taken::Letter(letter) => return letter,
                Taken::Lost { after } => {
                    let post = self.feed.post();
                    self.feed.greet(&post, &self.mailbox, Some(Some(after)));
                }
                Taken::Nothing => self.mailbox.filled().await,
            }
        }
    }
}
