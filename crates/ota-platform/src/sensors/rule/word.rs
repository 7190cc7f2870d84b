//! A constraint that a word decides.

use super::{Judgement, Signal, odd};
use ota_core::{ConstraintId, ConstraintState};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// Longer words are no states of a machine.
const LONGEST_WORD: usize = 64;
/// No machine knows further ahead, in seconds.
const FARTHEST: f64 = 24.0 * 3600.0;

/// A constraint that a word decides.
#[derive(Debug, Clone, PartialEq)]
pub struct WordRule {
    /// Name of the source.
    pub source: String,
    pub signal: Signal,
    /// JSON pointer (RFC 6901) to the value, in documents and messages.
    pub pointer: String,
    /// What each value is called, `0` or `true` as well as text. Where there are any, every other value is unknown; where there
    /// are none, the value itself must be a word.
    pub words: BTreeMap<String, String>,
    /// The words that mean that nothing stands against an operation; every other word blocks.
    pub clear_values: Vec<String>,
    /// JSON pointer to the number of seconds until the constraint clears, in documents and messages of sources that know it.
    pub clears_in_pointer: Option<String>,
}

impl WordRule {
    /// A register is a value by itself.
    pub(super) fn pointer(&self) -> &str {
        match self.signal {
            Signal::Document | Signal::Topic(_) => &self.pointer,
            Signal::Registers(_) | Signal::Ups => "",
        }
    }

    pub(super) fn judge(&self, constraint: ConstraintId, answer: &Value) -> Judgement {
        let subject = subject(constraint);
        let word = match self.word(answer.pointer(self.pointer())) {
            Ok(word) => word,
            Err(reason) => return Judgement::unknown(reason, None),
        };
        let clear = self.clear_values.contains(&word);
        let (state, clears_in, reason) = if clear {
            (ConstraintState::Clear, None, format!("{subject} reports “{word}”."))
        } else {
            let wanted = self.clear_values.join("” or “");
            let reason = format!("{subject} reports “{word}”; it must report “{wanted}”.");
            (ConstraintState::Blocking, self.clears_in(answer), reason)
        };
        Judgement { state, status: word, level: None, threshold: None, reason, clears_in }
    }

    fn word(&self, found: Option<&Value>) -> Result<String, String> {
        let text = match found {
            Some(Value::String(text)) if is_word(text) => Some(text.clone()),
            Some(value @ (Value::Bool(_) | Value::Number(_))) if !self.words.is_empty() => {
                Some(value.to_string())
            }
            _ => None,
        };
        let text = text.ok_or_else(|| odd(&self.signal, self.pointer(), "a word", found))?;
        if self.words.is_empty() {
            return Ok(text);
        }
        let unknown = || format!("The source gives “{text}”, which has no meaning in the configuration.");
        self.words.get(&text).cloned().ok_or_else(unknown)
    }

    fn clears_in(&self, answer: &Value) -> Option<Duration> {
        let seconds = answer.pointer(self.clears_in_pointer.as_deref()?)?.as_f64()?;
        (0.0..=FARTHEST).contains(&seconds).then(|| Duration::from_secs_f64(seconds))
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().count() <= LONGEST_WORD && !text.contains(char::is_control)
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
