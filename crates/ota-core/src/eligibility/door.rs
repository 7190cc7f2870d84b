//! When something may begin.

use jiff::Timestamp;
use std::time::Duration;

use super::{Facts, Offer, Reason, WaitingRestart, WindowHold};
use crate::{Calendar, ScheduleState, UpdateKind, Window};

/// Lets something begin in a maintenance window that was not used and is long enough, or at any time.
pub(crate) struct Door<'a> {
    state: &'a ScheduleState,
    calendar: Option<&'a Calendar>,
    needed: Duration,
    ignores_window: bool,
}

impl<'a> Door<'a> {
    /// Of the installation of a release. A security release that may ignore the window does so once; what came to nothing then
    /// waits for windows as others do.
    pub(crate) fn of_release(state: &'a ScheduleState, facts: &Facts<'a>, offer: &Offer<'_>) -> Self {
        let urgent = may_ignore_window(facts, Some(offer.release.kind));
        Self {
            state,
            calendar: facts.calendar,
            needed: offer.estimate,
            ignores_window: urgent && !state.has_installed_at_once(&offer.release.id),
        }
    }

    /// Of a restart.
    pub(crate) fn of_restart(
        state: &'a ScheduleState,
        facts: &Facts<'a>,
        restart: &WaitingRestart<'_>,
    ) -> Self {
        let urgent = may_ignore_window(facts, restart.kind);
        Self {
            state,
            calendar: facts.calendar,
            needed: restart.estimate,
            ignores_window: urgent && !state.has_restarted_at_once(restart.job),
        }
    }

    /// The window that is used when it begins `now`.
    pub(crate) fn window(&self, now: Timestamp) -> Option<Window> {
        self.calendar.and_then(|calendar| calendar.current(now)).filter(|window| self.admits(window, now))
    }

    fn admits(&self, window: &Window, now: Timestamp) -> bool {
        !self.state.is_used(window.start) && window.left(now) >= self.needed
    }

    /// What about the window is in the way now.
    pub(super) fn hold(&self, now: Timestamp) -> Option<Reason> {
        if self.ignores_window || self.window(now).is_some() {
            return None;
        }
        let needed = self.needed;
        let why = match self.calendar {
            None => WindowHold::NotSet,
            Some(calendar) if calendar.duration() < needed => WindowHold::TooShort { needed },
            Some(calendar) => match calendar.current(now) {
                None => WindowHold::Closed,
                Some(window) if self.state.is_used(window.start) => WindowHold::Used,
                Some(_) => WindowHold::EndsTooSoon { needed },
            },
        };
        Some(Reason::Window { why, next: self.opens(now) })
    }

    /// The first moment from `from` on at which it may begin.
    pub(super) fn opens(&self, from: Timestamp) -> Option<Timestamp> {
        if self.ignores_window {
            return Some(from);
        }
        let calendar = self.calendar.filter(|calendar| calendar.duration() >= self.needed)?;
        // More windows than can have been used by a clock that was ahead.
        calendar
            .from(self.state.unused_from(from))
            .take(ScheduleState::REMEMBERED.saturating_mul(2))
            .map(|window| (from.max(window.start), window))
            .find(|(begin, window)| self.admits(window, *begin))
            .map(|(begin, _)| begin)
    }
}

fn may_ignore_window(facts: &Facts<'_>, kind: Option<UpdateKind>) -> bool {
    let allowed = facts.settings.auto_update.security_may_ignore_window == Some(true);
    allowed && kind == Some(UpdateKind::Security)
}
