//! Which button can be pressed now, and why not when it cannot. Pure: facts in, reason out.

use ota_api::{
    SlotId,
    auth::Role,
    monitor::Progress,
    safety::{Constraint, Safety},
    updates::Update,
    upload::VerifiedImage,
};

use crate::{live::Upload, strings::words};

/// What the answers depend on.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    pub role: Role,
    /// The gateway answers.
    pub connected: bool,
    /// A restart has been announced.
    pub restarting: bool,
    /// An order of this page is on its way.
    pub ordering: bool,
    /// The update server is being asked.
    pub checking: bool,
    /// The job that keeps others out of the slots.
    pub holder: Option<Holder>,
    /// Constraints that block a start.
    pub blocking: Vec<String>,
    /// Those of them that block a restart.
    pub blocking_restart: Vec<String>,
    /// The slot that an update would write.
    pub target: SlotId,
    /// The version that runs.
    pub running: String,
}

/// The job that holds the operation gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// What it does: `update to v5.0.5`.
    pub name: String,
    /// As a label: `installing`.
    pub state: &'static str,
    /// It waits for a restart by hand: a download beside it is possible, writing a slot is not.
    pub only_slots: bool,
}

/// Why a button cannot be pressed; `None` when it can.
pub type Refusal = Option<String>;

/// What holds for every button that changes something.
#[must_use]
pub fn operate(facts: &Facts) -> Refusal {
    if facts.role < Role::Operator {
        return Some(format!("Your role is {}: you can look, but not operate.", words::role(facts.role)));
    }
    if facts.restarting {
        return Some("The gateway is restarting.".to_owned());
    }
    if !facts.connected {
        return Some("The gateway cannot be reached.".to_owned());
    }
    facts.ordering.then(|| "Your last order is on its way.".to_owned())
}

#[must_use]
pub fn check_updates(facts: &Facts) -> Refusal {
    operate(facts).or_else(|| facts.checking.then(|| "The update server is being asked.".to_owned()))
}

/// Download and install in one go.
#[must_use]
pub fn install_update(update: &Update, facts: &Facts) -> Refusal {
    operate(facts)
        .or_else(|| incompatible(update))
        .or_else(|| facts.holder.as_ref().map(occupied))
        .or_else(|| blocked(&facts.blocking))
}

/// Download into staging.
#[must_use]
pub fn download_update(update: &Update, facts: &Facts) -> Refusal {
    operate(facts)
        .or_else(|| incompatible(update))
        .or_else(|| facts.holder.as_ref().filter(|h| !h.only_slots).map(occupied))
        .or_else(|| blocked(&facts.blocking))
}

/// Install what is downloaded.
#[must_use]
pub fn install_downloaded(facts: &Facts) -> Refusal {
    operate(facts).or_else(|| blocked(&facts.blocking))
}

#[must_use]
pub fn cancel(job: &Progress, facts: &Facts) -> Refusal {
    operate(facts).or_else(|| {
        let refused = || job.cancel_refused.clone().map_or_else(too_late, |text| sentence(&text));
        (!job.can_cancel).then(refused)
    })
}

#[must_use]
pub fn restart(facts: &Facts) -> Refusal {
    operate(facts).or_else(|| blocked(&facts.blocking_restart))
}

/// Saving the settings, where somebody has `changed` them and nobody else was first.
#[must_use]
pub fn save_settings(changed: bool, overtaken: bool, facts: &Facts) -> Refusal {
    let nothing = || (!changed).then(|| "Nothing is changed.".to_owned());
    let first = || overtaken.then(|| "Choose first whose settings hold: see above.".to_owned());
    operate(facts).or_else(nothing).or_else(first)
}

/// Dropping what was changed and not saved.
#[must_use]
pub fn discard_settings(changed: bool, facts: &Facts) -> Refusal {
    operate(facts).or_else(|| (!changed).then(|| "Nothing is changed.".to_owned()))
}

/// Switching whether updates are installed without a person.
#[must_use]
pub fn switch_auto_update(facts: &Facts) -> Refusal {
    operate(facts)
}

/// Taking a snapshot.
#[must_use]
pub fn take_snapshot(facts: &Facts) -> Refusal {
    operate(facts).or_else(|| facts.holder.as_ref().filter(|h| !h.only_slots).map(occupied))
}

/// Making a debug bundle; `making` while one is made.
#[must_use]
pub fn debug_bundle(making: bool, facts: &Facts) -> Refusal {
    operate(facts).or_else(|| making.then(|| "A debug bundle is being made.".to_owned()))
}

/// Bringing something into the other slot that is on the gateway already.
#[must_use]
pub fn change_slot(facts: &Facts) -> Refusal {
    operate(facts).or_else(|| facts.holder.as_ref().map(occupied)).or_else(|| blocked(&facts.blocking))
}

/// Making the other slot next as it is; `refused` by the gateway.
#[must_use]
pub fn rollback(refused: Option<&str>, facts: &Facts) -> Refusal {
    operate(facts)
        .or_else(|| refused.map(sentence))
        .or_else(|| facts.holder.as_ref().map(occupied))
        .or_else(|| blocked(&facts.blocking_restart))
}

/// Uploading the chosen file, as the recovery image or for the other slot.
#[must_use]
pub fn upload(upload: &Upload, recovery: bool, facts: &Facts) -> Refusal {
    let running = || upload.running.then(|| "An image is being uploaded.".to_owned());
    let none = || {
        (upload.file.is_empty() || upload.recovery != recovery)
            .then(|| "Choose an image file first.".to_owned())
    };
    operate(facts).or_else(running).or_else(none)
}

/// Discarding what came of an upload.
#[must_use]
pub fn discard_upload(facts: &Facts) -> Refusal {
    operate(facts)
}

/// Deploying a verified image.
#[must_use]
pub fn deploy(image: &VerifiedImage, facts: &Facts) -> Refusal {
    let unfit = || {
        image
            .compatibility
            .reason
            .as_deref()
            .map(|reason| sentence(&format!("not for this gateway: {reason}")))
    };
    operate(facts).or_else(unfit).or_else(|| change_slot(facts))
}

/// Overriding safety constraints.
#[must_use]
pub fn override_safety(facts: &Facts) -> Refusal {
    let refused =
        || format!("Your role is {}: only an administrator overrides interlocks.", words::role(facts.role));
    operate(facts).or_else(|| (facts.role < Role::Admin).then(refused))
}

/// Resetting the gateway to factory state.
#[must_use]
pub fn factory_reset(facts: &Facts) -> Refusal {
    let refused =
        || format!("Your role is {}: only an administrator resets the gateway.", words::role(facts.role));
    operate(facts).or_else(|| (facts.role < Role::Admin).then(refused)).or_else(|| change_slot(facts))
}

/// The job that keeps others out, if `job` does.
#[must_use]
pub fn holder(job: &Progress) -> Option<Holder> {
    let holds = job.status != "downloaded" && job.outcome.is_none() && job.ended_at.is_none();
    holds.then(|| Holder {
        name: lowered(&words::job_name(job)),
        state: words::job_state(job).0,
        only_slots: job.status == "awaiting_reboot" || words::awaits_window(job),
    })
}

/// Names of the constraints that block a start, and of those among them that block a restart.
#[must_use]
pub fn blocking(safety: &Safety) -> (Vec<String>, Vec<String>) {
    let named = safety.constraints.named();
    let blocks = |(_, c): &(&str, &Constraint)| c.enabled && safety.counts(c);
    let names = |restart: bool| {
        let chosen = named.iter().copied().filter(blocks);
        let chosen = chosen.filter(|(name, _)| !restart || !matches!(*name, "network" | "system_load"));
        chosen.map(|(name, _)| words::constraint(name).to_owned()).collect()
    };
    if safety.update_allowed { (Vec::new(), Vec::new()) } else { (names(false), names(true)) }
}

fn incompatible(update: &Update) -> Refusal {
    let reason = || {
        update.incompatible_reason.clone().unwrap_or_else(|| "It is not made for this gateway.".to_owned())
    };
    (!update.compatible).then(reason)
}

fn occupied(holder: &Holder) -> String {
    format!("Another operation runs: the {} is {}.", holder.name, holder.state)
}

fn blocked(names: &[String]) -> Refusal {
    (!names.is_empty()).then(|| format!("Blocked by safety: {}.", words::list(names)))
}

fn too_late() -> String {
    "The new system has been started already: it is confirmed or rolled back by itself.".to_owned()
}

/// `text` as it stands within a sentence.
fn lowered(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(letters).collect()
}

/// `text` with a capital at its start and a full stop at its end.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let mut whole: String =
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect();
    if !whole.ends_with('.') {
        whole.push('.');
    }
    whole
}
