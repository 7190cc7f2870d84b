//! What the gateway does next by itself.
//!
//! ```text
//!            a check is due ──▶ Check           at any time
//! else, an update waits     ──▶ Reboot          in a window
//! else, one may be installed ─▶ Install         in a window
//! else, one may be fetched  ──▶ Download        at any time
//! else                      ──▶ Wait            until something changes, or a moment
//! ```
//!
//! [`decide`] only says it. The caller notes the decision in the [`ScheduleState`] and makes that durable *before* it acts
//! ([`ScheduleState::begin`]), so that a power cut in between costs a window and never repeats one, and decides again after it
//! has acted, when something has changed, and at the moment that [`Decision::Wait`] names.
//!
//! - `enabled` is the switch for installing and restarting. Checks go on without it, and so do downloads with `auto_download`.
//! - With `auto_security` nothing but security releases is downloaded and installed. A restart is a restart: it is not asked
//!   again what it is for.
//! - A window serves one run, an installation or a restart, whatever comes of it. What a window that was missed would have
//!   served waits for the next one.
//! - Windows are remembered by their start. A clock that is set back shows a used window again as used; one that is set forward
//!   uses a window early, and it is used when its time comes.

mod checks;
mod state;

pub use checks::next_check;
pub use state::{Act, LastCheck, Outcome, Run, ScheduleState};

use jiff::Timestamp;

use crate::{
    Facts, Gates, JobId, Offer, Reason, WaitingRestart, Window, download_eligibility, eligibility,
    eligibility::Door, restart_eligibility, version_order,
};

/// What is done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Ask the repository.
    Check,
    /// Download the release of this id.
    Download { release: String },
    /// Install the release of this id, and download it before where that is missing.
    Install {
        release: String,
        /// Restart into it as soon as the machine is still, as long as the window is open; later it is decided anew.
        reboot_after: bool,
        /// None where it does not ask for one.
        window: Option<Window>,
    },
    /// Restart into the update that this job has installed, as long as the window is open.
    Reboot { job: JobId, window: Option<Window> },
    /// Nothing before `until`, unless something changes. None: only a change leads on.
    Wait {
        until: Option<Timestamp>,
        /// What stands against what would come next: the restart that waits, or the newest release that is newer than what
        /// runs. Empty where there is nothing to do.
        reasons: Vec<Reason>,
    },
}

/// Decides.
#[must_use]
pub fn decide(now: Timestamp, state: &ScheduleState, facts: &Facts<'_>) -> Decision {
    if next_check(now, state, facts).is_some_and(|at| at <= now) {
        return Decision::Check;
    }
    let run = match &facts.restart {
        Some(restart) => restart_now(now, state, facts, restart),
        None => install_now(now, state, facts),
    };
    run.or_else(|| download_now(now, state, facts)).unwrap_or_else(|| wait(now, state, facts))
}

/// What a maintenance window is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foresight {
    pub window: Window,
    /// What would be begun: an installation, a restart, or nothing, for these reasons.
    pub decision: Decision,
}

/// What the first window that is not used yet is for, as things are now and if the machine stood still: what would be begun
/// at its start, or now where it is open. None where there are no windows.
#[must_use]
pub fn foresee(now: Timestamp, state: &ScheduleState, facts: &Facts<'_>) -> Option<Foresight> {
    let windows = facts.calendar?.from(now);
    let unused = |window: &Window| !state.is_used(window.start);
    let window = windows.take(ScheduleState::REMEMBERED.saturating_mul(2)).find(unused)?;
    let at = now.max(window.start);
    let still = Facts { gates: Gates::default(), ..facts.clone() };
    let run = match &still.restart {
        Some(restart) => restart_now(at, state, &still, restart),
        None => install_now(at, state, &still),
    };
    Some(Foresight { window, decision: run.unwrap_or_else(|| wait(at, state, &still)) })
}

/// The newest of the offers that are newer than what runs.
#[must_use]
pub fn newest_offer<'a, 'b>(facts: &'b Facts<'a>) -> Option<&'b Offer<'a>> {
    newest(facts, |offer| version_order(&offer.release.version, facts.running).is_gt())
}

fn restart_now(
    now: Timestamp,
    state: &ScheduleState,
    facts: &Facts<'_>,
    restart: &WaitingRestart<'_>,
) -> Option<Decision> {
    let window = Door::of_restart(state, facts, restart).window(now);
    let may = restart_eligibility(now, state, facts, restart).eligible;
    may.then(|| Decision::Reboot { job: restart.job.clone(), window })
}

fn install_now(now: Timestamp, state: &ScheduleState, facts: &Facts<'_>) -> Option<Decision> {
    let offer = newest(facts, |offer| eligibility(now, state, facts, offer).eligible)?;
    Some(Decision::Install {
        release: offer.release.id.clone(),
        reboot_after: facts.settings.auto_update.auto_reboot,
        window: Door::of_release(state, facts, offer).window(now),
    })
}

fn download_now(now: Timestamp, state: &ScheduleState, facts: &Facts<'_>) -> Option<Decision> {
    let offer = newest(facts, |offer| download_eligibility(now, facts, offer).eligible)?;
    let id = &offer.release.id;
    let due = !offer.downloaded && state.download_due(id, now).is_none();
    due.then(|| Decision::Download { release: id.clone() })
}

/// Of the releases that may be taken the newest one.
fn newest<'a, 'b>(facts: &'b Facts<'a>, may: impl Fn(&Offer<'a>) -> bool) -> Option<&'b Offer<'a>> {
    let offers = facts.offers.iter().filter(|offer| may(offer));
    offers.max_by(|a, b| version_order(&a.release.version, &b.release.version))
}

fn wait(now: Timestamp, state: &ScheduleState, facts: &Facts<'_>) -> Decision {
    let mut moments: Vec<Timestamp> = next_check(now, state, facts).into_iter().collect();
    moments.extend(facts.calendar.and_then(|calendar| calendar.next(now)).map(|window| window.start));
    for offer in &facts.offers {
        moments.extend(eligibility(now, state, facts, offer).next_attempt_at);
        moments.extend(download_eligibility(now, facts, offer).next_attempt_at);
        moments.extend(state.download_due(&offer.release.id, now));
    }
    let reasons = match &facts.restart {
        Some(restart) => restart_eligibility(now, state, facts, restart).reasons,
        None => {
            newest_offer(facts).map(|offer| eligibility(now, state, facts, offer).reasons).unwrap_or_default()
        }
    };
    Decision::Wait { until: moments.into_iter().filter(|moment| *moment > now).min(), reasons }
}
