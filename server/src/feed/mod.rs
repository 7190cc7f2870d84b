//! The live feed: what happens on the gateway, numbered, for everybody who listens.
//!
//! One task follows the engine's events, puts each message into the mailbox of every listener, and calls the listeners when the
//! [`Bell`] rings. The WebSocket and the server-sent events only carry what a [`Subscription`] gives them. The newest messages are kept
//! for those who come back before long.

mod bell;
mod listener;
mod mailbox;
mod pace;
mod recent;
mod recent_logs;

pub(crate) use listener::{BEAT, End, PATIENCE, no_longer_welcome};
pub(crate) use mailbox::Letter;

use app::api::{convert, server_message};
use bell::Bell;
use jiff::Timestamp;
use mailbox::{Mailbox, Taken};
use ota_api::ws::ServerMessage;
use ota_engine::{
    Event, JobView, Ota,
    ports::{LogPage, StoreError},
};
use pace::Pace;
use recent::Recent;
use recent_logs::RecentLogs;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use tokio::{
    sync::{
        OwnedSemaphorePermit, Semaphore,
        broadcast::{Receiver, error::RecvError},
    },
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

/// Listeners at the same time.
const SEATS: usize = 1024;

/// Numbers begin below this one, so that JSON's numbers hold them for as long as any service runs.
const HIGHEST_BEGINNING: u64 = 1 << 52;

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
    recent: Recent,
    logs: RecentLogs,
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
    /// The feed, and the events for [`Feed::follow`]: from here on nothing is missed, and nothing is sent before that runs.
    ///
    /// # Errors
    /// When the activity log cannot be read.
    pub async fn open(ota: Arc<Ota>) -> Result<(Arc<Self>, Receiver<Event>), StoreError> {
        // Listening before reading: an entry may then come twice, never not at all.
        let events = ota.subscribe();
        let logs = RecentLogs::read(&ota).await?;
        // At random, so that no number of a former run is taken for one of this run, whatever the clock says.
        let seq = rand::random_range(1..HIGHEST_BEGINNING);
        let post = Mutex::new(Post { seq, recent: Recent::new(seq), logs, mailboxes: Vec::new() });
        Ok((Arc::new(Self { ota, seats: Arc::new(Semaphore::new(SEATS)), post }), events))
    }

    /// Hands on what the engine tells until `stop`.
    pub async fn follow(self: Arc<Self>, mut events: Receiver<Event>, stop: CancellationToken) {
        let (mut pace, mut bell) = (Pace::default(), Bell::default());
        loop {
            let event = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = at(bell.due()) => {
                    self.call();
                    bell.ring(Instant::now());
                    continue;
                }
                view = pace.due() => Event::Progress(view),
                event = events.recv() => match event {
                    Ok(Event::Progress(view)) => {
                        pace.put(view);
                        continue;
                    }
                    Ok(event) => event,
                    Err(RecvError::Lagged(_)) => {
                        self.lose().await;
                        continue;
                    }
                    Err(RecvError::Closed) => return,
                },
            };
            self.publish(&event);
            bell.put(Instant::now());
        }
    }

    /// Number of the newest event, and the newest entries of the activity log up to that event.
    pub(crate) fn newest(&self) -> (u64, LogPage) {
        let post = self.post();
        (post.seq, post.logs.page())
    }

    /// Room for one more, if there is any.
    pub(crate) fn seat(&self) -> Option<Seat> {
        Arc::clone(&self.seats).try_acquire_owned().ok().map(|permit| Seat { _permit: permit })
    }

    /// Listens from now on. `additions`: messages have more than the published members.
    pub(crate) fn subscribe(self: &Arc<Self>, seat: Seat, heard: Heard, additions: bool) -> Subscription {
        let mut post = self.post();
        let mailbox = Arc::new(Mailbox::new(match heard {
            Heard::Nothing => Some(post.seq),
            Heard::UpTo(seq) => seq,
        }));
        post.mailboxes.push(Arc::downgrade(&mailbox));
        self.greet(&post, &mailbox, heard);
        drop(post);
        Subscription { feed: Arc::clone(self), mailbox, additions, _seat: seat }
    }

    /// Tells what was missed, and then how things stand. Whatever comes later into the mailbox is newer.
    fn greet(&self, post: &Post, mailbox: &Mailbox, heard: Heard) {
        let (snapshot, now) = (self.ota.snapshot(), Timestamp::now());
        let seal = |message| Letter::seal(post.seq, message);
        let missed: Vec<_> = match heard {
            Heard::Nothing => Vec::new(),
            Heard::UpTo(after) => match after.and_then(|after| post.recent.after(after)) {
                // A number of another run may be a larger one.
                Some(missed) if after <= Some(post.seq) => missed.collect(),
                _ => vec![seal(ServerMessage::Resync { after })],
            },
        };
        let stand = convert::shown_job(&snapshot, now);
        let stand = [convert::system_status(&snapshot, now)].into_iter().chain(stand);
        mailbox.refill(missed.into_iter().chain(stand.map(seal)));
    }

    fn publish(&self, event: &Event) {
        let mut post = self.post();
        post.seq = post.seq.saturating_add(1);
        if let Event::Log(entry) = event {
            post.logs.push(entry);
        }
        let letter = Letter::seal(post.seq, self.message(event));
        post.mailboxes.retain(|mailbox| mailbox.strong_count() > 0);
        for mailbox in post.mailboxes.iter().filter_map(Weak::upgrade) {
            mailbox.put(Arc::clone(&letter));
        }
        post.recent.put(letter);
    }

    /// Calls everybody for whom something has come.
    fn call(&self) {
        for mailbox in self.post().mailboxes.iter().filter_map(Weak::upgrade) {
            mailbox.call();
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
    async fn lose(&self) {
        let logs = RecentLogs::read(&self.ota).await;
        let mut post = self.post();
        let seq = post.seq.saturating_add(1);
        post.seq = seq;
        post.recent.lose(seq);
        for mailbox in post.mailboxes.iter().filter_map(Weak::upgrade) {
            mailbox.lose();
        }
        match logs {
            Ok(logs) => post.logs = logs,
            Err(error) => tracing::warn!(%error, "the page shows an older activity log"),
        }
    }

    fn post(&self) -> MutexGuard<'_, Post> {
        self.post.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns at this moment, and never where there is none.
async fn at(moment: Option<Instant>) {
    match moment {
        // A timer is never ready when it is first asked, and what comes meanwhile goes first.
        Some(moment) if moment <= Instant::now() => {}
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// One listener's part of the feed.
pub(crate) struct Subscription {
    feed: Arc<Feed>,
    mailbox: Arc<Mailbox>,
    additions: bool,
    _seat: Seat,
}

impl Subscription {
    /// A message as this listener gets it.
    pub(crate) fn text<'a>(&self, letter: &'a Letter) -> &'a str {
        letter.text(self.additions)
    }

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
                    self.feed.greet(&post, &self.mailbox, Heard::UpTo(after));
                }
                Taken::Nothing => self.mailbox.filled().await,
            }
        }
    }
}
