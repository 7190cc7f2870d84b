//! Whether the gateway takes an update by itself, and if not, why and from when.
//!
//! Every update has an answer; none is hidden for being held. The answer is about the gateway acting *by itself*: a person may
//! install earlier what fits the gateway and passes its gates.

mod door;
mod facts;
mod reason;

pub(crate) use door::Door;
pub use facts::{Facts, Gates, Offer, WaitingRestart};
pub use reason::{PolicyHold, Reason, WindowHold};

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use std::cmp::Ordering;

use crate::{ScheduleState, UpdateKind, WaveStart, version_order};

/// Whether the gateway acts by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Eligibility {
    /// It would begin now.
    pub eligible: bool,
    /// All that stands against it; empty exactly when it is eligible.
    pub reasons: Vec<Reason>,
    /// The first moment at which it may begin as far as calendar, wave and soak say it: now, where only a gate is in the way.
    /// None where somebody has to change something first.
    pub next_attempt_at: Option<Timestamp>,
}

impl Eligibility {
    /// Sums up: `waits` are over `from` then, and `begin` finds a window from there on.
    fn new(
        reasons: Vec<Reason>,
        from: Timestamp,
        begin: impl FnOnce(Timestamp) -> Option<Timestamp>,
    ) -> Self {
        let lasting = reasons.iter().any(Reason::is_lasting);
        let next_attempt_at = if lasting { None } else { begin(from) };
        Self { eligible: reasons.is_empty(), reasons, next_attempt_at }
    }
}

/// Whether the gateway installs `offer` by itself.
#[must_use]
pub fn eligibility(
    now: Timestamp,
    state: &ScheduleState,
    facts: &Facts<'_>,
    offer: &Offer<'_>,
) -> Eligibility {
    let mut reasons = Vec::new();
    if !facts.settings.auto_update.enabled {
        reasons.push(Reason::Policy(PolicyHold::Off));
    }
    reasons.extend(unwanted(facts, offer));
    reasons.extend(offer.strategy_refused.clone().map(PolicyHold::Strategy).map(Reason::Policy));
    let (waits, from) = waits(now, facts, offer);
    reasons.extend(waits);
    let door = Door::of_release(state, facts, offer);
    reasons.extend(door.hold(now));
    reasons.extend(facts.gates.install.iter().cloned().map(Reason::Gate));
    Eligibility::new(reasons, from, |from| door.opens(from))
}

/// Whether the gateway downloads `offer` by itself: at any time, and whether or not it installs by itself.
#[must_use]
pub fn download_eligibility(now: Timestamp, facts: &Facts<'_>, offer: &Offer<'_>) -> Eligibility {
    let mut reasons = Vec::new();
    if !facts.settings.auto_update.auto_download {
        reasons.push(Reason::Policy(PolicyHold::DownloadByPerson));
    }
    reasons.extend(unwanted(facts, offer));
    let (waits, from) = waits(now, facts, offer);
    reasons.extend(waits);
    reasons.extend(facts.gates.download.iter().cloned().map(Reason::Gate));
    Eligibility::new(reasons, from, Some)
}

/// Whether the gateway restarts into what is installed by itself.
#[must_use]
pub fn restart_eligibility(
    now: Timestamp,
    state: &ScheduleState,
    facts: &Facts<'_>,
    restart: &WaitingRestart<'_>,
) -> Eligibility {
    let auto = &facts.settings.auto_update;
    let mut reasons = Vec::new();
    if !auto.enabled {
        reasons.push(Reason::Policy(PolicyHold::Off));
    } else if !auto.auto_reboot {
        reasons.push(Reason::Policy(PolicyHold::RestartByPerson));
    }
    let door = Door::of_restart(state, facts, restart);
    reasons.extend(door.hold(now));
    reasons.extend(facts.gates.reboot.iter().cloned().map(Reason::Gate));
    Eligibility::new(reasons, now, |from| door.opens(from))
}

/// What about a release is in the way, whatever the time is.
fn unwanted(facts: &Facts<'_>, offer: &Offer<'_>) -> Vec<Reason> {
    let release = offer.release;
    let mut reasons = Vec::new();
    if let Err(invalid) = release.check(facts.model, facts.floor) {
        reasons.push(Reason::Unfit(invalid));
    }
    if version_order(&release.version, facts.running) != Ordering::Greater {
        reasons.push(Reason::Policy(PolicyHold::NotNewer { running: facts.running.to_owned() }));
    }
    if facts.settings.auto_update.auto_security && release.kind != UpdateKind::Security {
        reasons.push(Reason::Policy(PolicyHold::SecurityOnly(release.kind)));
    }
    reasons.extend(offer.failed_before.clone().map(Reason::FailedBefore));
    reasons.extend(offer.shortage.clone().map(Reason::Space));
    reasons
}

/// What time alone takes away, and when it has.
fn waits(now: Timestamp, facts: &Facts<'_>, offer: &Offer<'_>) -> (Vec<Reason>, Timestamp) {
    let mut reasons = Vec::new();
    let mut from = now;
    match offer.release.wave_start(facts.gateway) {
        WaveStart::At(at) if at > now => {
            reasons.push(Reason::Wave { starts_at: Some(at) });
            from = from.max(at);
        }
        WaveStart::NotPlanned => reasons.push(Reason::Wave { starts_at: None }),
        WaveStart::Everybody | WaveStart::At(_) => {}
    }
    let soak = facts.settings.auto_update.soak();
    if !soak.is_zero() {
        let until = out_since(offer, now).and_then(|since| since.checked_add(soak).ok());
        if until.is_none_or(|until| until > now) {
            reasons.push(Reason::Soak { until });
            from = from.max(until.unwrap_or(from));
        }
    }
    (reasons, from)
}

/// Since when a release is out: the day that the publisher signed, or the moment at which it was first seen here if that is
/// later, since a release may be listed long after its date. A moment that is still to come was written by a clock that was
/// wrong and does not count.
fn out_since(offer: &Offer<'_>, now: Timestamp) -> Option<Timestamp> {
    let day = offer.release.released.parse::<Date>().ok();
    let released = day.and_then(|day| Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp()));
    let seen = offer.first_seen.filter(|seen| *seen <= now);
    released.max(seen)
}
