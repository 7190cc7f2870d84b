//! Reading again what has changed: each part once, however many messages asked for it meanwhile.

use leptos::task::spawn_local;
use ota_api::{ApiError, ErrorCode};
use std::ops::BitOr;

use super::{Link, Live};
use crate::api;

/// Log lines that are read at a time.
const LOG_LINES: &str = "100";

/// Parts of the page's data that are read again. The job is none: the feed says all of it, and an answer that was on its way meanwhile would
/// be older than what is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wanted(u16);

impl Wanted {
    pub const STATUS: Self = Self(1);
    pub const UPDATES: Self = Self(1 << 1);
    pub const SETTINGS: Self = Self(1 << 2);
    pub const SAFETY: Self = Self(1 << 3);
    pub const MONITOR: Self = Self(1 << 4);
    pub const LOGS: Self = Self(1 << 5);
    pub const RECOVERY: Self = Self(1 << 6);
    pub const UPLOADS: Self = Self(1 << 7);
    pub const DEBUG: Self = Self(1 << 8);
    pub const SETTINGS_AND_MONITOR: Self = Self(Self::SETTINGS.0 | Self::MONITOR.0);
    pub const UPDATES_AND_MONITOR: Self = Self(Self::UPDATES.0 | Self::MONITOR.0);
    pub const ALL: Self = Self((1 << 9) - 1);

    /// In the order in which they are read.
    const EACH: [Self; 9] = [
        Self::MONITOR,
        Self::STATUS,
        Self::SAFETY,
        Self::UPDATES,
        Self::SETTINGS,
        Self::RECOVERY,
        Self::UPLOADS,
        Self::DEBUG,
        Self::LOGS,
    ];

    #[must_use]
    pub const fn contains(self, part: Self) -> bool {
        self.0 & part.0 == part.0
    }
}

impl BitOr for Wanted {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// What is still to be read.
#[derive(Debug, Default)]
pub struct Queue {
    next: Wanted,
    /// Somebody reads.
    reading: bool,
}

impl Queue {
    /// Adds to the next round. True when a reader has to be started.
    fn add(&mut self, parts: Wanted) -> bool {
        self.next = self.next | parts;
        !self.reading
    }

    /// Takes the next round; `None` ends the reader.
    fn take(&mut self) -> Option<Wanted> {
        let round = std::mem::take(&mut self.next);
        self.reading = round != Wanted::default();
        self.reading.then_some(round)
    }

    /// Takes back what could not be read, and ends the reader.
    fn put_back(&mut self, unread: Wanted) {
        self.next = self.next | unread;
        self.reading = false;
    }
}

/// Reads `parts` again soon.
pub fn want(live: Live, parts: Wanted) {
    let mut idle = false;
    live.queue.update(|queue| idle = queue.add(parts));
    if !idle {
        return;
    }
    // Taken at once, so that a second call finds the reader running.
    let Some(mut round) = take(live) else { return };
    spawn_local(async move {
        loop {
            let unread = read(live, round).await;
            if unread != Wanted::default() {
                return live.queue.update(|queue| queue.put_back(unread));
            }
            match take(live) {
                Some(next) => round = next,
                None => break,
            }
        }
    });
}

/// Reads what could not be read before, if there is any: the feed does not say it twice.
pub fn catch_up(live: Live) {
    want(live, Wanted::default());
}

fn take(live: Live) -> Option<Wanted> {
    let mut round = None;
    live.queue.update(|queue| round = queue.take());
    round
}

/// Returns what could not be read.
async fn read(live: Live, round: Wanted) -> Wanted {
    let mut unread = Wanted::default();
    for part in Wanted::EACH.into_iter().filter(|part| round.contains(*part)) {
        // A gateway that is away is not asked for the rest, too.
        let away = unread != Wanted::default() && live.link.peek(|link| *link == Link::Lost);
        match if away { None } else { Some(read_part(live, part).await) } {
            Some(Ok(())) => {}
            Some(Err(error)) if error.error.code == ErrorCode::Unauthorized => {
                leave();
                return Wanted::default();
            }
            Some(Err(_)) | None => unread = unread | part,
        }
    }
    unread
}

async fn read_part(live: Live, part: Wanted) -> Result<(), ApiError> {
    match part {
        Wanted::STATUS => live.set_status(api::get_status().await?.data),
        Wanted::UPDATES => {
            let updates = api::get_updates().await?.data;
            live.check.set(updates.check);
            live.updates.set(updates.updates);
        }
        Wanted::RECOVERY => live.recovery.set(api::get_recovery().await?.data),
        Wanted::UPLOADS => live.uploads.set(api::get_uploads().await?.data),
        Wanted::DEBUG => live.debug.set(api::get_debug_bundles().await?.data),
        Wanted::SETTINGS => super::draft::is_read(live, api::get_settings().await?.data),
        Wanted::SAFETY => {
            live.assessed.set(Vec::new());
            live.set_safety(api::get_safety().await?.data)
        }
        Wanted::MONITOR => {
            live.monitor.set(api::get_monitor().await?.data);
            live.monitor_age.set(0);
        }
        _ => {
            let level = Some(live.log_level.peek(String::clone)).filter(|l| !l.is_empty());
            let limit = Some(LOG_LINES.to_owned());
            live.set_logs(api::get_logs(limit, level, None, None).await?.data.logs);
        }
    }
    Ok(())
}

/// The session has ended: to the login page.
pub fn leave() {
    #[cfg(feature = "hydrate")]
    {
        _ = leptos::prelude::window().location().set_href(ota_api::routes::LOGIN_PAGE);
    }
}

#[cfg(test)]
mod tests {
    use super::{Queue, Wanted};

    #[test]
    fn what_is_asked_for_meanwhile_is_read_in_one_more_round() {
        let mut queue = Queue::default();
        assert!(queue.add(Wanted::STATUS));
        assert_eq!(queue.take(), Some(Wanted::STATUS));
        assert!(!queue.add(Wanted::SAFETY));
        assert!(!queue.add(Wanted::SAFETY | Wanted::LOGS));
        assert_eq!(queue.take(), Some(Wanted::SAFETY | Wanted::LOGS));
        assert_eq!(queue.take(), None);
        assert!(queue.add(Wanted::MONITOR));
    }

    #[test]
    fn what_could_not_be_read_is_read_later() {
        let mut queue = Queue::default();
        assert!(queue.add(Wanted::STATUS | Wanted::LOGS));
        assert_eq!(queue.take(), Some(Wanted::STATUS | Wanted::LOGS));
        assert!(!queue.add(Wanted::SAFETY));
        queue.put_back(Wanted::LOGS);
        assert!(queue.add(Wanted::default()), "nobody reads");
        assert_eq!(queue.take(), Some(Wanted::SAFETY | Wanted::LOGS));
        assert_eq!(queue.take(), None);
    }

    #[test]
    fn everything_is_everything() {
        assert_eq!(Wanted::EACH.into_iter().fold(Wanted::default(), |a, b| a | b), Wanted::ALL);
    }
}
