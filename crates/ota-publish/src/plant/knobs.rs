//! What can be turned, and to which values.

use serde_json::{Map, Number, Value, json};

/// Whether the crane moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CraneMotion {
    Idle,
    Moving,
}

/// What the anti-collision system sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AcsCollision {
    Clear,
    Risk,
}

/// A complete state of the plant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Knobs {
    pub crane_motion: CraneMotion,
    pub acs_collision: AcsCollision,
    /// Charge of the UPS battery in percent, 0 to 100.
    pub ups_battery: f64,
    /// Whether the UPS is fed by the mains.
    pub ups_online: bool,
    /// Whether the sensors report at all.
    pub connected: bool,
}

/// A knob that does not exist, or a value that it cannot have.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum InvalidKnob {
    #[error(
        "There is no knob \"{name}\"; there are crane_motion, acs_collision, ups_battery, ups_online and connected."
    )]
    Unknown { name: String },
    #[error("{name} must be {expected}, not {given}.")]
    Value { name: &'static str, expected: &'static str, given: Value },
}

impl Default for Knobs {
    /// All clear: nothing stands in the way of an update.
    fn default() -> Self {
        Self {
            crane_motion: CraneMotion::Idle,
            acs_collision: AcsCollision::Clear,
            ups_battery: 85.0,
            ups_online: true,
            connected: true,
        }
    }
}

impl Knobs {
    /// This state with the knobs that `change` names turned.
    ///
    /// # Errors
    /// [`InvalidKnob`] for the first that is not possible.
    pub fn with(self, change: &Map<String, Value>) -> Result<Self, InvalidKnob> {
        let mut new = self;
        for (name, value) in change {
            match name.as_str() {
                "crane_motion" => new.crane_motion = crane_motion(value)?,
                "acs_collision" => new.acs_collision = acs_collision(value)?,
                "ups_battery" => new.ups_battery = percent(value)?,
                "ups_online" => new.ups_online = switch("ups_online", value)?,
                "connected" => new.connected = switch("connected", value)?,
                _ => return Err(InvalidKnob::Unknown { name: name.clone() }),
            }
        }
        Ok(new)
    }

    /// All knobs, as `GET /plant` shows them.
    #[must_use]
    pub fn to_json(self) -> Value {
        let mut all = self.signals();
        all.insert("connected".to_owned(), self.connected.into());
        Value::Object(all)
    }

    /// What the sensors report.
    #[must_use]
    pub fn signals(self) -> Map<String, Value> {
        let crane_motion = match self.crane_motion {
            CraneMotion::Idle => "idle",
            CraneMotion::Moving => "moving",
        };
        let acs_collision = match self.acs_collision {
            AcsCollision::Clear => "clear",
            AcsCollision::Risk => "risk",
        };
        let mut signals = Map::new();
        signals.insert("crane_motion".to_owned(), crane_motion.into());
        signals.insert("acs_collision".to_owned(), acs_collision.into());
        signals.insert("ups_battery".to_owned(), number(self.ups_battery));
        signals.insert("ups_online".to_owned(), json!(self.ups_online));
        signals
    }
}

/// Whole percents are shown as they were given: 85, not 85.0.
fn number(percent: f64) -> Value {
    if percent.fract() == 0.0 {
        // Between 0 and 100 by construction.
        Value::from(percent as u64)
    } else {
        Number::from_f64(percent).map_or(Value::Null, Value::Number)
    }
}

fn crane_motion(value: &Value) -> Result<CraneMotion, InvalidKnob> {
    match value.as_str() {
        Some("idle") => Ok(CraneMotion::Idle),
        Some("moving") => Ok(CraneMotion::Moving),
        _ => Err(invalid("crane_motion", "\"idle\" or \"moving\"", value)),
    }
}

fn acs_collision(value: &Value) -> Result<AcsCollision, InvalidKnob> {
    match value.as_str() {
        Some("clear") => Ok(AcsCollision::Clear),
        Some("risk") => Ok(AcsCollision::Risk),
        _ => Err(invalid("acs_collision", "\"clear\" or \"risk\"", value)),
    }
}

fn percent(value: &Value) -> Result<f64, InvalidKnob> {
    value
        .as_f64()
        .filter(|percent| (0.0..=100.0).contains(percent))
        .ok_or_else(|| invalid("ups_battery", "a number from 0 to 100", value))
}

fn switch(name: &'static str, value: &Value) -> Result<bool, InvalidKnob> {
    value.as_bool().ok_or_else(|| invalid(name, "true or false", value))
}

fn invalid(name: &'static str, expected: &'static str, given: &Value) -> InvalidKnob {
    InvalidKnob::Value { name, expected, given: given.clone() }
}

#[cfg(test)]
mod tests {
    use super::{CraneMotion, Knobs};
    use serde_json::{Value, json};

    fn with(change: Value) -> Result<Knobs, String> {
        Knobs::default().with(change.as_object().unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_change_turns_only_what_it_names() {
        let knobs = with(json!({"crane_motion": "moving", "ups_battery": 29.5})).unwrap();
        assert_eq!(knobs.crane_motion, CraneMotion::Moving);
        assert_eq!(
            knobs.to_json(),
            json!({"crane_motion": "moving", "acs_collision": "clear", "ups_battery": 29.5, "ups_online": true,
                   "connected": true})
        );
        assert_eq!(with(json!({})).unwrap(), Knobs::default());
    }

    #[test]
    fn every_impossible_value_is_explained() {
        for (change, said) in [
            (json!({"crane_motion": "fast"}), "crane_motion must be \"idle\" or \"moving\", not \"fast\"."),
            (json!({"acs_collision": true}), "acs_collision must be \"clear\" or \"risk\", not true."),
            (json!({"ups_battery": 101}), "ups_battery must be a number from 0 to 100, not 101."),
            (json!({"ups_battery": -1}), "ups_battery must be a number from 0 to 100, not -1."),
            (json!({"ups_battery": "85"}), "ups_battery must be a number from 0 to 100, not \"85\"."),
            (json!({"ups_online": 1}), "ups_online must be true or false, not 1."),
            (json!({"connected": null}), "connected must be true or false, not null."),
        ] {
            assert_eq!(with(change).unwrap_err(), said);
        }
        assert!(with(json!({"speed": 1})).unwrap_err().contains("no knob \"speed\""));
    }
}
