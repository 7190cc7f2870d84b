//! The sources of the safety constraints. Each polls by itself and leaves its latest reading on a board.

mod board;
mod load;
mod network;
mod poll;
mod rule;

pub use load::LoadConfig;
pub use network::NetworkConfig;
pub use poll::HttpSourceConfig;
pub use rule::{BatteryRule, WordRule};

use board::Board;
use ota_core::{ConstraintId, Reading};
use ota_engine::ports::{Clock, Sensors};
use poll::HttpSource;
use rule::Rule;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// Which constraints have a source, and which. A constraint without one stays unknown.
#[derive(Debug, Clone, Default)]
pub struct SensorsConfig {
    pub http: Vec<HttpSourceConfig>,
    pub crane_motion: Option<WordRule>,
    pub acs_collision: Option<WordRule>,
    pub ups_battery: Option<BatteryRule>,
    pub network: Option<NetworkConfig>,
    pub system_load: Option<LoadConfig>,
}

/// The sources cannot be used as they are configured.
#[derive(Debug, thiserror::Error)]
pub enum SensorsError {
    #[error("{constraint} names the source “{name}”, which is not configured")]
    NoSource { constraint: ConstraintId, name: String },
    #[error("two sources are named “{0}”")]
    TwoSources(String),
    #[error("“{0}” is no JSON pointer: it must be empty or start with `/`")]
    Pointer(String),
    #[error("the interval of {0} must not be zero")]
    Interval(String),
    #[error("no HTTP client can be made")]
    Client(#[from] reqwest::Error),
}

/// The running sources. They end when this is dropped.
#[derive(Debug)]
pub struct PolledSensors {
    board: Arc<Board>,
    _tasks: JoinSet<()>,
}

impl PolledSensors {
    /// Starts all sources; needs a Tokio runtime. The first readings arrive a moment later.
    ///
    /// # Errors
    /// [`SensorsError`] when the configuration makes no sense.
    pub fn start(config: SensorsConfig, clock: Arc<dyn Clock>) -> Result<Self, SensorsError> {
        let board = Arc::new(Board::default());
        let mut tasks = JoinSet::new();
        for source in http_sources(&config)? {
            tasks.spawn(source.run(Arc::clone(&board), Arc::clone(&clock)));
        }
        if let Some(network) = config.network {
            require_interval("network", network.interval)?;
            tasks.spawn(network::run(network, Arc::clone(&board), Arc::clone(&clock)));
        }
        if let Some(load) = config.system_load {
            require_interval("system_load", load.interval)?;
            tasks.spawn(load::run(load, Arc::clone(&board), clock));
        }
        Ok(Self { board, _tasks: tasks })
    }
}

impl Sensors for PolledSensors {
    fn latest(&self) -> Vec<Reading> {
        self.board.all()
    }
}

/// One poller for each source, with the rules that read from it.
fn http_sources(config: &SensorsConfig) -> Result<Vec<HttpSource>, SensorsError> {
    let mut sources: Vec<HttpSource> = Vec::new();
    for source in &config.http {
        if sources.iter().any(|other| other.name() == source.name) {
            return Err(SensorsError::TwoSources(source.name.clone()));
        }
        require_interval(&source.name, source.interval)?;
        sources.push(HttpSource::new(source.clone())?);
    }
    let words = [
        (ConstraintId::CraneMotion, &config.crane_motion),
        (ConstraintId::AcsCollision, &config.acs_collision),
    ];
    let words = words.into_iter().filter_map(|(id, rule)| Some(Rule::Word(id, rule.clone()?)));
    for rule in words.chain(config.ups_battery.clone().map(Rule::Battery)) {
        rule.check_pointers()?;
        let constraint = rule.constraint();
        let no_source = || SensorsError::NoSource { constraint, name: rule.source().to_owned() };
        let source =
            sources.iter_mut().find(|source| source.name() == rule.source()).ok_or_else(no_source)?;
        source.add(rule);
    }
    Ok(sources)
}

fn require_interval(name: &str, interval: Duration) -> Result<(), SensorsError> {
    if interval.is_zero() { Err(SensorsError::Interval(name.to_owned())) } else { Ok(()) }
}
