//! What the gateway is going to do by itself, for readers.

use jiff::{Timestamp, tz::TimeZone};
use ota_core::{
    Calendar, Decision, Eligibility, Facts, Foresight, Run, ScheduleState, Settings, Window, decide,
    eligibility, foresee, next_check, restart_eligibility,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
};

use crate::{Change, Event, Ota};

/// What comes, as things are now.
#[derive(Debug, Clone, PartialEq)]
pub struct Outlook {
    /// The zone of the maintenance windows, or the site's where there are none.
    pub zone: TimeZone,
    /// The window that is open.
    pub open: Option<Window>,
    /// The window that begins next.
    pub next: Option<Window>,
    /// The first window that is not used yet, and what it would be used for if the machine stood still.
    pub coming: Option<Foresight>,
    /// By id: of every release that the repository offers, whether the gateway takes it by itself.
    pub updates: BTreeMap<String, Eligibility>,
    /// The same of the restart that waits.
    pub restart: Option<Eligibility>,
    /// What was done by itself last.
    pub last_run: Option<Run>,
    /// The newest release that is newer than what runs, as people call it.
    newest: Option<String>,
}

impl Default for Outlook {
    fn default() -> Self {
        Self {
            zone: TimeZone::UTC,
            open: None,
            next: None,
            coming: None,
            updates: BTreeMap::new(),
            restart: None,
            last_run: None,
            newest: None,
        }
    }
}

impl Outlook {
    fn at(now: Timestamp, zone: TimeZone, state: &ScheduleState, facts: &Facts<'_>) -> Self {
        let of =
            |offer: &ota_core::Offer<'_>| (offer.release.id.clone(), eligibility(now, state, facts, offer));
        let newest = ota_core::newest_offer(facts).map(|offer| offer.release.version.clone());
        Self {
            zone,
            open: facts.calendar.and_then(|calendar| calendar.current(now)),
            next: facts.calendar.and_then(|calendar| calendar.next(now)),
            coming: foresee(now, state, facts),
            updates: facts.offers.iter().map(of).collect(),
            restart: facts.restart.as_ref().map(|restart| restart_eligibility(now, state, facts, restart)),
            last_run: state.last_run().cloned(),
            newest,
        }
    }

    /// What would be begun first: for the activity log.
    pub(super) fn waits_for(&self) -> Option<String> {
        match &self.restart {
            Some(_) => Some("The restart into the installed update".to_owned()),
            None => self.newest.clone(),
        }
    }

    /// The moment from which a gate alone is in the way stays the one that was told before: it is no news that it is later now.
    fn steady(mut self, before: &Self, now: Timestamp) -> Self {
        for (id, new) in &mut self.updates {
            keep(new, before.updates.get(id), now);
        }
        if let Some(restart) = &mut self.restart {
            keep(restart, before.restart.as_ref(), now);
        }
        self
    }
}

fn keep(new: &mut Eligibility, old: Option<&Eligibility>, now: Timestamp) {
    let told = old.and_then(|old| old.next_attempt_at).filter(|at| *at <= now);
    if new.next_attempt_at.is_some_and(|at| at <= now) && told.is_some() {
        new.next_attempt_at = told;
    }
}

impl Ota {
    /// Decides what is next, and puts on show what comes. The settings are those that it was decided by.
    pub(crate) async fn look_ahead(&self) -> (Decision, Arc<Settings>) {
        let has_its_bearings = self.has_its_bearings();
        let scene = self.scene().await;
        let state = self.schedule.lock().await.clone();
        let (now, facts) = (self.parts.clock.now(), scene.facts());
        let zone = facts.calendar.map_or_else(|| self.site_zone(), Calendar::zone);
        let before = Arc::clone(&self.snapshot().outlook);
        let outlook = Arc::new(Outlook::at(now, zone, &state, &facts).steady(&before, now));
        let check = next_check(now, &state, &facts);
        let news = outlook != before || check != self.snapshot().check.next;
        if news {
            self.update(|snapshot| {
                snapshot.outlook = Arc::clone(&outlook);
                snapshot.check.next = check;
            });
            self.tell(Event::Changed(Change::Outlook));
        }
        if has_its_bearings {
            self.foreseen.store(true, Ordering::Release);
        }
        (decide(now, &state, &facts), scene.settings())
    }
}
