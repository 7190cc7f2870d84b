//! Interlocks and their override as words and sentences.

use ota_api::{
    ConstraintState,
    safety::{Constraint, Force, Safety},
};

use super::{list, sentence_start};
use crate::ui::Tone;

/// `crane motion`: a constraint's name in a sentence.
#[must_use]
pub fn constraint(name: &str) -> &str {
    match name {
        "crane_motion" => "crane motion",
        "acs_collision" => "anti-collision system",
        "ups_battery" => "UPS battery",
        "network" => "network",
        "system_load" => "system load",
        other => other,
    }
}

/// `Crane motion`: the same as a heading.
#[must_use]
pub fn constraint_title(name: &str) -> String {
    sentence_start(constraint(name))
}

#[must_use]
pub fn constraint_state(constraint: &Constraint) -> (&'static str, Tone) {
    use crate::strings::safety as s;
    match (constraint.enabled, constraint.state) {
        (false, _) => (s::NOT_USED, Tone::Neutral),
        (true, ConstraintState::Blocking | ConstraintState::Unknown) if constraint.overridden => {
            (s::OVERRIDDEN, Tone::Bad)
        }
        (true, ConstraintState::Clear) => (s::CLEAR, Tone::Good),
        (true, ConstraintState::Blocking) => (s::BLOCKING, Tone::Bad),
        (true, ConstraintState::Unknown) => (s::UNKNOWN, Tone::Warn),
    }
}

/// The reading and its limit: `85 % (at least 30 %)`, `0.40 per core (at most 16.00)`, `idle`.
#[must_use]
pub fn constraint_value(name: &str, constraint: &Constraint) -> String {
    let word = constraint.status.replace('_', " ");
    // Nothing that is unknown is told as a figure of nought: no number was ever read.
    let known = |level: &f64| constraint.state != ConstraintState::Unknown || *level > 0.0;
    let Some(level) = constraint.level.filter(known) else { return word };
    let percent = name == "ups_battery";
    let figure = |value: f64| {
        if percent {
            format!("{} %", ota_api::human::whole(value))
        } else {
            ota_api::human::with_hundredths(value)
        }
    };
    let unit = if percent { "" } else { " per core" };
    let bound = if percent { "at least" } else { "at most" };
    let limit = constraint.threshold.map(|t| format!(" ({bound} {})", figure(t))).unwrap_or_default();
    format!("{word}, {}{unit}{limit}", figure(level))
}

/// Whether updates may start, and what stands against it.
#[must_use]
pub fn verdict(safety: &Safety) -> (&'static str, String, Tone) {
    let used = safety.constraints.named().into_iter().filter(|(_, c)| c.enabled);
    let blocking: Vec<String> = used
        .clone()
        .filter(|(_, c)| safety.counts(c))
        .map(|(name, c)| format!("{} ({})", constraint(name), c.status.replace('_', " ")))
        .collect();
    if safety.update_allowed {
        let text = match (safety.force_override, used.count()) {
            (true, _) => "An override is active.".to_owned(),
            (false, 0) => "No interlock is in use.".to_owned(),
            (false, count) => format!("{count} of {count} interlocks are clear."),
        };
        return ("Updates allowed", text, if safety.force_override { Tone::Bad } else { Tone::Good });
    }
    ("Updates blocked", format!("Waiting for {}.", list(&blocking)), Tone::Bad)
}

/// When a constraint is expected to clear.
#[must_use]
pub fn constraint_clears(constraint: &Constraint) -> String {
    match (constraint.blocking, constraint.estimated_clear.as_deref()) {
        (false, _) => "–".to_owned(),
        (true, Some(time)) => format!("in {time}"),
        (true, None) => crate::strings::UNKNOWN.to_owned(),
    }
}

/// Names of the wire as words in a sentence.
#[must_use]
pub fn constraints(names: &[String]) -> String {
    let words: Vec<String> = names.iter().map(|name| constraint(name).to_owned()).collect();
    list(&words)
}

/// What is worth choosing when somebody wants to override: what was asked for already, or what stands in the way.
#[must_use]
pub fn worth_overriding(safety: &Safety) -> Vec<String> {
    if let Some(force) = &safety.force {
        return force.constraints.clone();
    }
    let named = safety.constraints.named().into_iter();
    let blocking =
        named.filter(|(name, c)| safety.counts(c) && safety.overridable.iter().any(|other| other == name));
    blocking.map(|(name, _)| name.to_owned()).collect()
}

/// Who answers for an override.
#[must_use]
pub fn override_people(force: &Force) -> String {
    match &force.confirmed_by {
        Some(second) => format!("{}, confirmed by {second}", force.by),
        None => force.by.clone(),
    }
}

/// What the override is about.
#[must_use]
pub fn override_sentence(safety: &Safety) -> String {
    match &safety.force {
        Some(force) if force.active => format!("Not counted: {}.", constraints(&force.constraints)),
        Some(force) => format!("{} asks for an override. Another administrator has to ask for the same.", force.by),
        None if safety.second_person => "Two administrators can take constraints out of the verdict, for one operation and \
                                         for a short time."
            .to_owned(),
        None => "An administrator can take constraints out of the verdict, for one operation and for a short time.".to_owned(),
    }
}

/// What those hear who do not see the banner.
#[must_use]
pub fn override_announcement(safety: &Safety) -> String {
    match safety.force.as_ref().filter(|force| force.active) {
        Some(force) => {
            format!("{} overrides safety constraints: {}.", force.by, constraints(&force.constraints))
        }
        None => "The safety override is over.".to_owned(),
    }
}

/// The banner while an override is in force.
#[must_use]
pub fn override_banner(force: &Force) -> String {
    let time = ota_api::human::minutes(force.remaining_seconds);
    let (who, what, why) = (override_people(force), constraints(&force.constraints), &force.reason);
    format!("Safety override by {who}: {what} not counted, for {time} more. Reason: {why}")
}

#[cfg(test)]
mod tests {
    use super::constraint_value;
    use ota_api::safety::Constraint;
    use ota_core::ConstraintState;

    fn battery(state: ConstraintState, level: f64) -> Constraint {
        Constraint {
            enabled: true,
            status: "unknown".to_owned(),
            level: Some(level),
            blocking: true,
            state,
            reason: String::new(),
            source: "NUT ups".to_owned(),
            age_seconds: 0,
            threshold: Some(30.0),
            estimated_clear: None,
            overridden: false,
        }
    }

    #[test]
    fn a_figure_that_nobody_has_read_is_not_shown() {
        let shown = |state, level| constraint_value("ups_battery", &battery(state, level));
        assert_eq!(shown(ConstraintState::Unknown, 0.0), "unknown");
        assert_eq!(shown(ConstraintState::Unknown, 85.0), "unknown, 85 % (at least 30 %)", "the last one");
        assert_eq!(shown(ConstraintState::Blocking, 0.0), "unknown, 0 % (at least 30 %)");
    }
}
