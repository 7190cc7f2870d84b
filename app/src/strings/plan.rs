//! What the gateway is going to do by itself, and why it does not.

use ota_api::{
    settings::{Automation, HeldBack, Plan, PlannedAction},
    updates::Update,
};

use super::words;

pub const TITLE: &str = "What happens by itself";
pub const NEXT_CHECK: &str = "Next check for updates";
pub const NEXT_WINDOW: &str = "Next maintenance window";
pub const LAST_RUN: &str = "Last time";
pub const WAITS: &str = "The restart waits";

/// What the first window that is not used yet is for. `age`: seconds since the gateway said it.
#[must_use]
pub fn window(automation: &Automation, age: u64) -> String {
    let Some(window) = &automation.window else {
        return "No maintenance window is set: nothing is installed by itself.".to_owned();
    };
    let (when, zone) = (&window.local, &automation.timezone);
    let plan = plan(&window.plan);
    match window.opens_in_seconds.saturating_sub(age) {
        0 => format!("The window {when} {zone} is open: {plan}"),
        left => format!("Next window {when} {zone}, in {}: {plan}", time_left(left)),
    }
}

fn plan(plan: &Plan) -> String {
    let version = plan.version.as_deref().unwrap_or("the update");
    match plan.action {
        PlannedAction::InstallAndRestart => {
            format!("will install {version} and restart into it if the machine is still.")
        }
        PlannedAction::Install => format!("will install {version}; the restart is left to a person."),
        PlannedAction::Restart => format!("will restart into {version} if the machine is still."),
        PlannedAction::Nothing if plan.reasons.is_empty() => "there is nothing to be done.".to_owned(),
        PlannedAction::Nothing => format!("nothing will be done. {}", sentences(&plan.reasons)),
    }
}

/// `5 h`: as exact as somebody needs it who waits.
#[must_use]
pub fn time_left(seconds: u64) -> String {
    match seconds {
        0..60 => "less than a minute".to_owned(),
        60..5_400 => format!("{} min", seconds / 60),
        5_400..172_800 => format!("{} h", (seconds + 1_800) / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[must_use]
pub fn sentences(reasons: &[HeldBack]) -> String {
    let all: Vec<&str> = reasons.iter().map(|reason| reason.message.as_str()).collect();
    all.join(" ")
}

/// Whether the gateway takes an update by itself.
#[must_use]
pub fn by_itself(update: &Update) -> String {
    if update.eligible {
        return "The gateway installs it by itself now.".to_owned();
    }
    let reasons = sentences(&update.reasons);
    let person = if update.compatible { " You can install it at any time." } else { "" };
    match &update.next_attempt_at {
        Some(at) => format!("By itself from {} on. {reasons}{person}", words::moment(at)),
        None => format!("Not by itself. {reasons}{person}"),
    }
}

/// What was done by itself last.
#[must_use]
pub fn last_run(automation: &Automation) -> String {
    let Some(run) = &automation.last_run else { return super::NEVER.to_owned() };
    let what = if run.action == "restart" { "restart" } else { "installation" };
    let outcome = match (run.outcome.as_str(), &run.reason) {
        ("succeeded", _) => "succeeded".to_owned(),
        ("failed", Some(reason)) => format!("did not succeed: {reason}"),
        _ => "is under way".to_owned(),
    };
    format!("{}, {what} of {} {outcome}", words::moment(&run.began_at), run.subject)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ota_api::settings::PlannedWindow;

    fn automation(action: PlannedAction, opens_in_seconds: u64) -> Automation {
        let plan = Plan { action, version: Some("v5.0.5".into()), reasons: vec![] };
        let window = PlannedWindow {
            opens_at: String::new(),
            closes_at: String::new(),
            local: "Tue 02:00–04:00".into(),
            opens_in_seconds,
            plan,
        };
        Automation { timezone: "Europe/Hamburg".into(), window: Some(window), ..Automation::default() }
    }

    #[test]
    fn a_window_says_when_and_what_for() {
        let soon = automation(PlannedAction::InstallAndRestart, 18_000);
        assert_eq!(
            window(&soon, 60),
            "Next window Tue 02:00–04:00 Europe/Hamburg, in 5 h: will install v5.0.5 and restart into it if the machine is still."
        );
        assert!(window(&soon, 18_000).starts_with("The window Tue 02:00–04:00 Europe/Hamburg is open: will"));
        assert!(
            window(&automation(PlannedAction::Nothing, 59), 0)
                .contains("in less than a minute: there is nothing")
        );
        assert!(window(&Automation::default(), 0).starts_with("No maintenance window"));
    }

    #[test]
    fn time_is_rounded_as_people_do() {
        for (seconds, words) in
            [(60, "1 min"), (5_399, "89 min"), (5_400, "2 h"), (17_940, "5 h"), (172_800, "2 days")]
        {
            assert_eq!(time_left(seconds), words);
        }
    }
}
