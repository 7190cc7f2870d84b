//! The sources of the safety constraints. Each works by itself and leaves its latest reading on a board.
//!
//! A kind of source is one file: it answers for the rules that read from it ([`poll::Peer`]), or listens and notes what it hears.
//! What a value means is decided in [`rule`] for all of them.

mod address;
mod board;
mod fault;
mod http;
mod load;
mod modbus;
mod mqtt;
mod network;
mod nut;
mod poll;
mod rule;
mod secret;
mod source;
mod tls;

pub use address::HostPort;
pub use http::{HttpConfig, HttpLogin};
pub use load::LoadConfig;
pub use modbus::{MODBUS_PORT, ModbusConfig, NoRegister, Register, Registers};
pub use mqtt::{MqttConfig, is_topic, parse_broker};
pub use network::NetworkConfig;
pub use nut::{NUT_PORT, NutConfig};
pub use rule::{BatteryRule, Signal, WordRule};
pub use secret::Credentials;
pub use tls::TlsFiles;

use board::Board;
use ota_core::{ConstraintId, Reading};
use ota_engine::ports::{Clock, Sensors};
use poll::{Asked, Peer};
use rule::Rule;
use source::Source;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// Which constraints have a source, and which. A constraint without one stays unknown.
#[derive(Debug, Clone, Default)]
pub struct SensorsConfig {
    pub sources: Vec<SourceConfig>,
    pub crane_motion: Option<WordRule>,
    pub acs_collision: Option<WordRule>,
    pub ups_battery: Option<BatteryRule>,
    pub network: Option<NetworkConfig>,
    pub system_load: Option<LoadConfig>,
}

/// A source that rules read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceConfig {
    /// Name that rules refer to, and that people read.
    pub name: String,
    /// How often it is asked; a broker, which speaks by itself, is not.
    pub interval: Duration,
    /// Older readings count as unknown. An answer is not waited for any longer either.
    pub max_age: Duration,
    pub kind: SourceKind,
}

/// What it speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceKind {
    Http(HttpConfig),
    Mqtt(MqttConfig),
    Modbus(ModbusConfig),
    Nut(NutConfig),
}

impl SourceKind {
    const fn protocol(&self) -> &'static str {
        match self {
            Self::Http(_) => "HTTP",
            Self::Mqtt(_) => "MQTT",
            Self::Modbus(_) => "Modbus",
            Self::Nut(_) => "NUT",
        }
    }

    /// Whether a rule can read such a signal from it.
    const fn has(&self, rule: &Rule) -> bool {
        match (self, rule.signal()) {
            (Self::Http(_), Signal::Document)
            | (Self::Mqtt(_), Signal::Topic(_))
            | (Self::Modbus(_), Signal::Registers(_)) => true,
            (Self::Nut(_), Signal::Ups) => matches!(rule, Rule::Battery(_)),
            _ => false,
        }
    }
}

/// The sources cannot be used as they are configured.
#[derive(Debug, thiserror::Error)]
pub enum SensorsError {
    #[error("{constraint} names the source “{name}”, which is not configured")]
    NoSource { constraint: ConstraintId, name: String },
    #[error("{constraint} cannot be read from “{name}”, a source of the kind {protocol}, in this way")]
    OtherKind { constraint: ConstraintId, name: String, protocol: &'static str },
    #[error("two sources are named “{0}”")]
    TwoSources(String),
    #[error("“{0}” is no JSON pointer: it must be empty or start with `/`")]
    Pointer(String),
    #[error("the interval of {0} must not be zero")]
    Interval(String),
}

/// The running sources. They end when this is dropped.
pub struct LiveSensors {
    board: Arc<Board>,
    clock: Arc<dyn Clock>,
    _tasks: JoinSet<()>,
}

impl LiveSensors {
    /// Starts all sources; needs a Tokio runtime. The first readings arrive a moment later.
    ///
    /// # Errors
    /// [`SensorsError`] when the configuration makes no sense.
    pub fn start(config: SensorsConfig, clock: Arc<dyn Clock>) -> Result<Self, SensorsError> {
        check(&config)?;
        let board = Arc::new(Board::default());
        let mut tasks = JoinSet::new();
        for SourceConfig { name, interval, max_age, kind } in &config.sources {
            let rules = rules(&config).filter(|rule| rule.source() == name).collect();
            let label = format!("{} {name}", kind.protocol());
            let (board, clock) = (Arc::clone(&board), Arc::clone(&clock));
            let source = Source { label, max_age: *max_age, rules, board, clock };
            match kind.clone() {
                SourceKind::Http(config) => ask(&mut tasks, source, http::HttpPeer::new(config), *interval),
                SourceKind::Modbus(config) => {
                    ask(&mut tasks, source, modbus::ModbusPeer::new(config), *interval);
                }
                SourceKind::Nut(config) => ask(&mut tasks, source, nut::NutPeer::new(config), *interval),
                SourceKind::Mqtt(config) => _ = tasks.spawn(mqtt::run(config, source)),
            }
        }
        if let Some(config) = config.network {
            let interval = config.interval;
            let network = network::Network::new(config, Arc::clone(&board), Arc::clone(&clock));
            tasks.spawn(poll::run(network, interval));
        }
        if let Some(config) = config.system_load {
            let interval = config.interval;
            let load = load::Load { config, board: Arc::clone(&board), clock: Arc::clone(&clock) };
            tasks.spawn(poll::run(load, interval));
        }
        Ok(Self { board, clock, _tasks: tasks })
    }
}

impl Sensors for LiveSensors {
    fn latest(&self) -> Vec<Reading> {
        self.board.all(self.clock.boot())
    }
}

fn ask(tasks: &mut JoinSet<()>, source: Source, peer: impl Peer + 'static, interval: Duration) {
    tasks.spawn(poll::run(Asked { source, peer }, interval));
}

fn rules(config: &SensorsConfig) -> impl Iterator<Item = Rule> {
    let words = [
        (ConstraintId::CraneMotion, &config.crane_motion),
        (ConstraintId::AcsCollision, &config.acs_collision),
    ];
    let words = words.into_iter().filter_map(|(id, rule)| Some(Rule::Word(id, rule.clone()?)));
    words.chain(config.ups_battery.clone().map(Rule::Battery))
}

fn check(config: &SensorsConfig) -> Result<(), SensorsError> {
    let mut names = BTreeSet::new();
    for source in &config.sources {
        if !names.insert(&source.name) {
            return Err(SensorsError::TwoSources(source.name.clone()));
        }
        require_interval(&source.name, source.interval)?;
    }
    for rule in rules(config) {
        let (constraint, name) = (rule.constraint(), rule.source().to_owned());
        if let Some(pointer) = rule.bad_pointer() {
            return Err(SensorsError::Pointer(pointer.to_owned()));
        }
        match config.sources.iter().find(|source| source.name == name) {
            None => return Err(SensorsError::NoSource { constraint, name }),
            Some(source) if !source.kind.has(&rule) => {
                let protocol = source.kind.protocol();
                return Err(SensorsError::OtherKind { constraint, name, protocol });
            }
            Some(_) => {}
        }
    }
    let intervals = [
        ("network", config.network.as_ref().map(|network| network.interval)),
        ("system_load", config.system_load.as_ref().map(|load| load.interval)),
    ];
    intervals
        .into_iter()
        .try_for_each(|(name, interval)| interval.map_or(Ok(()), |i| require_interval(name, i)))
}

fn require_interval(name: &str, interval: Duration) -> Result<(), SensorsError> {
    if interval.is_zero() { Err(SensorsError::Interval(name.to_owned())) } else { Ok(()) }
}
