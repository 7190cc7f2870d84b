//! The interlocks: which there are, where their readings come from, and who may override them.

use super::sources::{HttpSource, ModbusSource, MqttSource, NutSource};
use ota_core::ConstraintId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The interlocks and their sources.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Safety {
    /// How long the machine must have been still before a slot is armed or the gateway restarts.
    pub clear_for_seconds: u64,
    /// What may be overridden, and how.
    #[serde(rename = "override")]
    pub overrides: Override,
    pub http: Vec<HttpSource>,
    pub mqtt: Vec<MqttSource>,
    pub modbus: Vec<ModbusSource>,
    pub nut: Vec<NutSource>,
    pub crane_motion: StateSource,
    pub acs_collision: StateSource,
    pub ups_battery: LevelSource,
    pub network: Switch,
    pub system_load: LoadLimit,
}

impl Default for Safety {
    fn default() -> Self {
        Self {
            clear_for_seconds: 30,
            overrides: Override::default(),
            http: Vec::new(),
            mqtt: Vec::new(),
            modbus: Vec::new(),
            nut: Vec::new(),
            crane_motion: StateSource::reading("/crane_motion", "idle"),
            acs_collision: StateSource::reading("/acs_collision", "clear"),
            ups_battery: LevelSource::default(),
            network: Switch::default(),
            system_load: LoadLimit::default(),
        }
    }
}

/// Overriding constraints for one operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Override {
    /// How long it lasts at most; not more than 15 minutes.
    pub seconds: u64,
    /// Two administrators have to ask for the same.
    pub second_person: bool,
    /// Constraints that nobody may override.
    pub never: Vec<ConstraintId>,
}

impl Default for Override {
    fn default() -> Self {
        Self { seconds: LONGEST_OVERRIDE, second_person: false, never: Vec::new() }
    }
}

/// In seconds, as the interface promises.
pub const LONGEST_OVERRIDE: u64 = 15 * 60;

/// A constraint that is a word of a source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StateSource {
    pub enabled: bool,
    /// Name of a source.
    pub source: String,
    /// Of an MQTT source.
    pub topic: Option<String>,
    /// JSON pointer (RFC 6901) into an HTTP source's document or an MQTT message.
    pub pointer: String,
    /// Where it says in how many seconds it clears.
    pub clears_in_pointer: Option<String>,
    /// Of a Modbus source.
    pub register: Option<String>,
    /// What values are called; where there are any, every other value is unknown.
    pub words: BTreeMap<String, String>,
    /// Words that mean clear; every other one blocks.
    pub clear_values: Vec<String>,
}

impl StateSource {
    fn reading(pointer: &str, clear: &str) -> Self {
        Self { pointer: pointer.to_owned(), clear_values: vec![clear.to_owned()], ..Self::default() }
    }
}

impl Default for StateSource {
    fn default() -> Self {
        Self {
            enabled: true,
            source: String::new(),
            topic: None,
            pointer: String::new(),
            clears_in_pointer: None,
            register: None,
            words: BTreeMap::new(),
            clear_values: Vec::new(),
        }
    }
}

/// A constraint that is a number of a source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LevelSource {
    pub enabled: bool,
    pub source: String,
    /// Of an MQTT source.
    pub topic: Option<String>,
    pub pointer: String,
    /// Where the document says whether mains power is there.
    pub online_pointer: Option<String>,
    /// Where it says how many seconds the battery would last.
    pub runtime_pointer: Option<String>,
    /// Of a Modbus source; so are the two below.
    pub register: Option<String>,
    pub online_register: Option<String>,
    pub runtime_register: Option<String>,
    /// Factor from a register's value to percent.
    pub scale: f64,
    /// In percent; below it the constraint blocks.
    pub minimum: f64,
    /// Blocks when the battery would not last this long; 0 asks for nothing.
    pub minimum_runtime_seconds: u64,
}

impl Default for LevelSource {
    fn default() -> Self {
        Self {
            enabled: true,
            source: String::new(),
            topic: None,
            pointer: "/ups_battery".into(),
            online_pointer: None,
            runtime_pointer: None,
            register: None,
            online_register: None,
            runtime_register: None,
            scale: 1.0,
            minimum: 30.0,
            minimum_runtime_seconds: 0,
        }
    }
}

/// A constraint without a source of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switch {
    pub enabled: bool,
}

impl Default for Switch {
    fn default() -> Self {
        Self { enabled: true }
    }
}

/// How busy the gateway may be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoadLimit {
    pub enabled: bool,
    /// Load average of a minute, divided by the number of cores.
    pub maximum_per_core: f64,
    /// Share of the last ten seconds in which a task waited for a processor, in percent.
    pub maximum_pressure: f64,
}

impl Default for LoadLimit {
    fn default() -> Self {
        Self { enabled: true, maximum_per_core: 2.0, maximum_pressure: 90.0 }
    }
}
