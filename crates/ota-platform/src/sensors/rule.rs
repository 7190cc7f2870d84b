//! From a value of a source to the state of a constraint. Whatever is not understood is unknown, and unknown blocks.

mod battery;
#[cfg(test)]
mod tests;
mod word;

pub use battery::BatteryRule;
pub use word::WordRule;

use super::modbus::Registers;
use ota_core::{ConstraintId, ConstraintState};
use serde_json::Value;
use std::time::Duration;

/// Which of its source's values a rule reads.
#[derive(Debug, Clone, PartialEq)]
pub enum Signal {
    /// The JSON document that an HTTP source answers with.
    Document,
    /// The last message of an MQTT topic: JSON, or a bare word.
    Topic(String),
    /// Registers of a Modbus device.
    Registers(Registers),
    /// The variables of a UPS that NUT watches.
    Ups,
}

/// What a value means for its constraint.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Judgement {
    pub(super) state: ConstraintState,
    pub(super) status: String,
    /// Where there is none, the last one stays on the board.
    pub(super) level: Option<f64>,
    pub(super) threshold: Option<f64>,
    pub(super) reason: String,
    /// Where the source can say it.
    pub(super) clears_in: Option<Duration>,
}

impl Judgement {
    pub(super) fn unknown(reason: String, threshold: Option<f64>) -> Self {
        let (state, status) = (ConstraintState::Unknown, "unknown".to_owned());
        Self { state, status, level: None, threshold, reason, clears_in: None }
    }
}

/// A constraint and how it follows from a source's value.
#[derive(Debug, Clone)]
pub(super) enum Rule {
    Word(ConstraintId, WordRule),
    Battery(BatteryRule),
}

impl Rule {
    pub(super) const fn constraint(&self) -> ConstraintId {
        match self {
            Self::Word(constraint, _) => *constraint,
            Self::Battery(_) => ConstraintId::UpsBattery,
        }
    }

    /// Name of the source.
    pub(super) fn source(&self) -> &str {
        match self {
            Self::Word(_, rule) => &rule.source,
            Self::Battery(rule) => &rule.source,
        }
    }

    pub(super) const fn signal(&self) -> &Signal {
        match self {
            Self::Word(_, rule) => &rule.signal,
            Self::Battery(rule) => &rule.signal,
        }
    }

    /// The source and the place in it where the value comes from, for people.
    pub(super) fn place(&self, source: &str) -> String {
        match self.signal() {
            Signal::Document | Signal::Ups => source.to_owned(),
            Signal::Topic(topic) => format!("{source}, topic {topic}"),
            Signal::Registers(registers) => format!("{source}, {registers}"),
        }
    }

    /// A pointer that is none.
    pub(super) fn bad_pointer(&self) -> Option<&str> {
        let pointers = match self {
            Self::Word(_, rule) => [Some(rule.pointer()), rule.clears_in_pointer.as_deref(), None],
            Self::Battery(rule) => {
                let pointers = rule.pointers();
                [Some(pointers.charge), pointers.online, pointers.runtime]
            }
        };
        pointers.into_iter().flatten().find(|text| !text.is_empty() && !text.starts_with('/'))
    }

    /// What an answer of the source means.
    pub(super) fn judge(&self, answer: &Value) -> Judgement {
        match self {
            Self::Word(constraint, rule) => rule.judge(*constraint, answer),
            Self::Battery(rule) => rule.judge(answer),
        }
    }

    /// What it means that there is no answer.
    pub(super) fn silent(&self, reason: &str) -> Judgement {
        let threshold = match self {
            Self::Word(..) => None,
            Self::Battery(rule) => Some(rule.minimum),
        };
        Judgement::unknown(reason.to_owned(), threshold)
    }
}

/// Says what is wrong without repeating a foreign value of any length.
fn odd(signal: &Signal, pointer: &str, wanted: &str, found: Option<&Value>) -> String {
    let found = match found {
        None => "nothing",
        Some(Value::Null) => "null",
        Some(Value::Bool(_)) => "a truth value",
        Some(Value::Number(_)) => "another number",
        Some(Value::String(_)) => "other text",
        Some(Value::Array(_)) => "a list",
        Some(Value::Object(_)) => "an object",
    };
    let at = match signal {
        Signal::Document | Signal::Topic(_) if !pointer.is_empty() => format!(" at “{pointer}”"),
        _ => String::new(),
    };
    format!("The source should give {wanted}{at} and gives {found}.")
}
