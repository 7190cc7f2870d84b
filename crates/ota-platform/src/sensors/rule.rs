//! From a value of a source to the state of a constraint. Whatever is not understood is unknown, and unknown blocks.

use super::SensorsError;
use super::board::Judgement;
use ota_core::{ConstraintId, ConstraintState};
use serde_json::Value;

/// A constraint that a word decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WordRule {
    /// Name of the source.
    pub source: String,
    /// JSON pointer to the word.
    pub pointer: String,
    /// The words that mean that nothing stands against an operation; every other word blocks.
    pub clear_values: Vec<String>,
}

/// The battery of the uninterruptible power supply.
#[derive(Debug, Clone, PartialEq)]
pub struct BatteryRule {
    /// Name of the source.
    pub source: String,
    /// JSON pointer to the charge in percent.
    pub pointer: String,
    /// Below this charge, in percent, it blocks.
    pub minimum: f64,
    /// JSON pointer to whether mains power is there. While it is not, an operation would use up what the gateway lives from:
    /// it blocks at any charge.
    pub online_pointer: Option<String>,
}

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

    pub(super) fn source(&self) -> &str {
        match self {
            Self::Word(_, rule) => &rule.source,
            Self::Battery(rule) => &rule.source,
        }
    }

    pub(super) fn check_pointers(&self) -> Result<(), SensorsError> {
        let (first, second) = match self {
            Self::Word(_, rule) => (Some(&rule.pointer), None),
            Self::Battery(rule) => (Some(&rule.pointer), rule.online_pointer.as_ref()),
        };
        match first.into_iter().chain(second).find(|text| !text.is_empty() && !text.starts_with('/')) {
            Some(text) => Err(SensorsError::Pointer(text.clone())),
            None => Ok(()),
        }
    }

    /// What an answer of the source means.
    pub(super) fn judge(&self, answer: &Value) -> Judgement {
        match self {
            Self::Word(constraint, rule) => rule.judge(*constraint, answer),
            Self::Battery(rule) => rule.judge(answer),
        }
    }

    /// What it means that the source gave no answer.
    pub(super) fn silent(&self, why: &str) -> Judgement {
        let threshold = match self {
            Self::Word(..) => None,
            Self::Battery(rule) => Some(rule.minimum),
        };
        Judgement::unknown(format!("The source “{}” gives no value: {why}.", self.source()), threshold)
    }
}

impl WordRule {
    fn judge(&self, constraint: ConstraintId, answer: &Value) -> Judgement {
        let subject = subject(constraint);
        let word = match answer.pointer(&self.pointer) {
            Some(Value::String(word)) if !word.is_empty() => word,
            other => return Judgement::unknown(odd(&self.source, &self.pointer, "a word", other), None),
        };
        let clear = self.clear_values.contains(word);
        let (state, reason) = if clear {
            (ConstraintState::Clear, format!("{subject} reports “{word}”."))
        } else {
            let wanted = self.clear_values.join("” or “");
            (ConstraintState::Blocking, format!("{subject} reports “{word}”; it must report “{wanted}”."))
        };
        Judgement { state, status: word.clone(), level: None, threshold: None, reason }
    }
}

impl BatteryRule {
    fn judge(&self, answer: &Value) -> Judgement {
        let threshold = Some(self.minimum);
        let found = answer.pointer(&self.pointer);
        let Some(level) = found.and_then(Value::as_f64).filter(|level| (0.0..=100.0).contains(level)) else {
            let why = odd(&self.source, &self.pointer, "a charge from 0 to 100", found);
            return Judgement::unknown(why, threshold);
        };
        let online = self.online_pointer.as_ref().map(|pointer| (pointer, answer.pointer(pointer)));
        let online = match online {
            None | Some((_, Some(Value::Bool(true)))) => true,
            Some((_, Some(Value::Bool(false)))) => false,
            Some((pointer, other)) => {
                let why = odd(&self.source, pointer, "true or false", other);
                return Judgement { level: Some(level), ..Judgement::unknown(why, threshold) };
            }
        };
        let enough = level >= self.minimum;
        let minimum = self.minimum;
        let (state, status, reason) = match (online, enough) {
            (true, true) => (ConstraintState::Clear, "online", format!("The UPS battery is at {level} %.")),
            (true, false) => {
                let reason = format!("The UPS battery is at {level} %, below the minimum of {minimum} %.");
                (ConstraintState::Blocking, "low", reason)
            }
            (false, true) => {
                let reason = format!("Mains power is out: the UPS runs on its battery, at {level} %.");
                (ConstraintState::Blocking, "on_battery", reason)
            }
            (false, false) => {
                let reason = format!(
                    "Mains power is out and the UPS battery is at {level} %, below the minimum of {minimum} %."
                );
                (ConstraintState::Blocking, "on_battery", reason)
            }
        };
        Judgement { state, status: status.to_owned(), level: Some(level), threshold, reason }
    }
}

const fn subject(constraint: ConstraintId) -> &'static str {
    match constraint {
        ConstraintId::CraneMotion => "The crane",
        ConstraintId::AcsCollision => "The anti-collision system",
        ConstraintId::UpsBattery => "The UPS",
        ConstraintId::Network => "The network",
        ConstraintId::SystemLoad => "The system",
    }
}

/// Says what is wrong without repeating a foreign value of any length.
fn odd(source: &str, pointer: &str, wanted: &str, found: Option<&Value>) -> String {
    let found = match found {
        None => "nothing",
        Some(Value::Null) => "null",
        Some(Value::Bool(_)) => "a truth value",
        Some(Value::Number(_)) => "another number",
        Some(Value::String(_)) => "other text",
        Some(Value::Array(_)) => "a list",
        Some(Value::Object(_)) => "an object",
    };
    format!("The source “{source}” should give {wanted} at “{pointer}” and gives {found}.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ConstraintState::{Blocking, Clear, Unknown};
    use proptest::prelude::*;
    use serde_json::json;

    fn crane() -> Rule {
        let clear_values = vec!["idle".to_owned()];
        let (source, pointer) = ("plant".to_owned(), "/crane_motion".to_owned());
        Rule::Word(ConstraintId::CraneMotion, WordRule { source, pointer, clear_values })
    }

    fn battery() -> Rule {
        Rule::Battery(BatteryRule {
            source: "plant".to_owned(),
            pointer: "/battery".to_owned(),
            minimum: 30.0,
            online_pointer: Some("/online".to_owned()),
        })
    }

    #[test]
    fn a_word_decides_and_what_is_no_word_is_unknown() {
        for (answer, state, status) in [
            (json!({"crane_motion": "idle"}), Clear, "idle"),
            (json!({"crane_motion": "moving"}), Blocking, "moving"),
            (json!({"crane_motion": "IDLE"}), Blocking, "IDLE"),
            (json!({"crane_motion": ""}), Unknown, "unknown"),
            (json!({"crane_motion": true}), Unknown, "unknown"),
            (json!({"crane_motion": null}), Unknown, "unknown"),
            (json!({}), Unknown, "unknown"),
            (json!("idle"), Unknown, "unknown"),
        ] {
            let found = crane().judge(&answer);
            assert_eq!((found.state, found.status.as_str()), (state, status), "{answer}");
        }
    }

    #[test]
    fn the_battery_blocks_below_its_minimum_and_without_mains() {
        for (level, online, state, status) in [
            (json!(85), json!(true), Clear, "online"),
            (json!(30), json!(true), Clear, "online"),
            (json!(29.9), json!(true), Blocking, "low"),
            (json!(85), json!(false), Blocking, "on_battery"),
            (json!(5), json!(false), Blocking, "on_battery"),
            (json!(85), json!("yes"), Unknown, "unknown"),
            (json!("85"), json!(true), Unknown, "unknown"),
            (json!(-1), json!(true), Unknown, "unknown"),
            (json!(101), json!(true), Unknown, "unknown"),
            (json!(null), json!(true), Unknown, "unknown"),
        ] {
            let found = battery().judge(&json!({"battery": level, "online": online}));
            assert_eq!((found.state, found.status.as_str()), (state, status), "{level} {online}");
            assert_eq!(found.threshold, Some(30.0));
        }
        let offline = battery().judge(&json!({"battery": 20, "online": false}));
        assert!(offline.reason.contains("Mains power is out") && offline.reason.contains("minimum of 30 %"));
    }

    #[test]
    fn a_charge_stays_known_when_only_the_mains_are_not() {
        assert_eq!(battery().judge(&json!({"battery": 70})).level, Some(70.0));
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "idle|moving|[a-z]{0,5}".prop_map(Value::from),
        ];
        (leaf.clone(), leaf.clone(), leaf)
            .prop_map(|(c, b, o)| json!({"crane_motion": c, "battery": b, "online": o}))
    }

    proptest! {
        #[test]
        fn only_what_is_surely_clear_is_clear(answer in any_json()) {
            prop_assert_eq!(crane().judge(&answer).state == Clear, answer["crane_motion"] == "idle");
            let charged = answer["battery"].as_f64().is_some_and(|level| (30.0..=100.0).contains(&level));
            prop_assert_eq!(battery().judge(&answer).state == Clear, charged && answer["online"] == true);
        }
    }
}
