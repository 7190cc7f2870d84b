//! The gateway's configuration: what may stand in it, where each value came from, and whether it makes sense.
//!
//! Four layers, each over the one before: defaults, the file, `GATEWAY_OTA__SECTION__KEY` variables, flags. A key that
//! does not exist is an error in every layer; a value that makes no sense is a [`Problem`] that names its key.

mod check;
mod components;
mod effective;
mod health;
mod layers;
mod model;
mod safety;
mod sources;
mod storage;

pub use check::Problem;
pub use components::{Component, Components};
pub use effective::Effective;
pub use health::{Check, Health};
pub use layers::Origin;
pub use model::{
    Boot, Config, Gateway, Log, LogFormat, Purpose, RebootBy, Repository, Scheme, Server, Slot, Slots, Trust,
};
pub use safety::{LONGEST_OVERRIDE, LevelSource, LoadLimit, Override, Safety, StateSource, Switch};
pub use sources::{HttpSource, ModbusSource, MqttSource, NutSource};

use layers::Layers;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Read when no other file is named. A gateway without it is configured by variables alone.
pub const DEFAULT_FILE: &str = "/etc/gateway-ota/config.toml";

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read the configuration file {}: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{}: {message}", path.display())]
    File { path: PathBuf, message: String },
    #[error("the variable {name} {message}")]
    Variable { name: String, message: String },
    #[error("{0}")]
    Shape(String),
    #[error("the configuration cannot be used:\n{}", sentences(.0))]
    Problems(Vec<Problem>),
}

fn sentences(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("  {problem}")).collect::<Vec<_>>().join("\n")
}

/// Where a configuration is to be read from.
#[derive(Debug, Default)]
pub struct Inputs {
    /// The file; [`DEFAULT_FILE`], which may be missing, where `None`.
    pub file: Option<PathBuf>,
    /// The environment's variables; what does not start with the product's prefix is passed over.
    pub environment: Vec<(OsString, OsString)>,
    pub data_dir: Option<PathBuf>,
    pub listen: Option<std::net::SocketAddr>,
}

impl Inputs {
    /// This process's environment, and the file and flags that its command line named.
    #[must_use]
    pub fn from_process(file: Option<PathBuf>) -> Self {
        Self { file, environment: std::env::vars_os().collect(), ..Self::default() }
    }
}

/// A configuration with the origin of each value. It may still have [`problems`](Self::problems).
#[derive(Debug)]
pub struct Loaded {
    config: Config,
    layers: Layers,
}

impl Loaded {
    /// Reads all layers.
    ///
    /// # Errors
    /// [`ConfigError`] for what cannot be read, for unknown keys and for values of the wrong kind.
    pub fn read(inputs: &Inputs) -> Result<Self, ConfigError> {
        let mut layers = Layers::defaults()?;
        match &inputs.file {
            Some(path) => layers.add_file(path, &read(path)?)?,
            None if Path::new(DEFAULT_FILE).exists() => {
                layers.add_file(Path::new(DEFAULT_FILE), &read(Path::new(DEFAULT_FILE))?)?;
            }
            None => {}
        }
        layers.add_environment(&inputs.environment)?;
        if let Some(directory) = &inputs.data_dir {
            // Offline tools and the service must mean the same place, wherever they are started.
            let absolute = std::path::absolute(directory).unwrap_or_else(|_| directory.clone());
            layers.add_flag("data_dir", "--data-dir", &absolute.display().to_string());
        }
        if let Some(address) = inputs.listen {
            layers.add_flag("server.listen", "--listen", &address.to_string());
        }
        Ok(Self { config: layers.config()?, layers })
    }

    /// Everything that makes no sense, in the order of the sections.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        check::problems(&self.config)
    }

    /// Every effective value with its origin, by key; secrets are left out.
    #[must_use]
    pub fn effective(&self) -> Vec<Effective> {
        effective::list(&self.layers)
    }

    /// The configuration as far as it could be read, for commands that need only a part of it.
    #[must_use]
    pub fn unchecked(self) -> Config {
        self.config
    }

    /// The configuration, when all of it makes sense.
    ///
    /// # Errors
    /// [`ConfigError::Problems`] with every problem, not only the first.
    pub fn checked(self) -> Result<Config, ConfigError> {
        let problems = self.problems();
        if problems.is_empty() { Ok(self.config) } else { Err(ConfigError::Problems(problems)) }
    }
}

fn read(path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })
}
