//! The simulated plant of the demo: a crane, its anti-collision system and a UPS, moved by hand.

mod http;
mod knobs;

pub use http::router;
pub use knobs::{AcsCollision, CraneMotion, InvalidKnob, Knobs};

use crate::atomic::{self, WriteError};
use serde_json::{Map, Value};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// The state of the plant could not be kept.
#[derive(Debug, thiserror::Error)]
pub enum PlantError {
    /// The file cannot be read.
    #[error("cannot read the plant's state from {}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    /// The file is not one that the plant wrote.
    #[error("{} does not hold the plant's state", path.display())]
    Parse { path: PathBuf, source: serde_json::Error },
    /// The file holds a value that the plant cannot have.
    #[error("{} does not hold a possible state of the plant", path.display())]
    Knob { path: PathBuf, source: InvalidKnob },
    /// The file cannot be written.
    #[error("cannot keep the plant's state")]
    Write(#[from] WriteError),
}

/// A change of knobs that was not made.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The request names an unknown knob or an impossible value; nothing was changed.
    #[error("the change was refused")]
    Invalid(#[from] InvalidKnob),
    /// The change would be lost at the next start; nothing was changed.
    #[error("the change was not kept")]
    Keep(#[from] PlantError),
}

/// A plant whose knobs survive a restart.
#[derive(Debug, Clone)]
pub struct Plant {
    /// Where the state is kept; nowhere for a plant that lives in memory.
    path: Option<PathBuf>,
    knobs: Arc<Mutex<Knobs>>,
    news: watch::Sender<Knobs>,
}

impl Plant {
    /// A plant that is all clear and forgets its state.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::with(None, Knobs::default())
    }

    fn with(path: Option<PathBuf>, knobs: Knobs) -> Self {
        Self { path, knobs: Arc::new(Mutex::new(knobs)), news: watch::Sender::new(knobs) }
    }

    /// The plant as its state was kept in `path`; all clear when there is no such file.
    ///
    /// # Errors
    /// [`PlantError`] when the file is there but cannot be read as a state.
    pub fn open(path: PathBuf) -> Result<Self, PlantError> {
        let knobs = match std::fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Knobs::default(),
            Err(source) => return Err(PlantError::Read { path, source }),
            Ok(bytes) => {
                let kept: Map<String, Value> = serde_json::from_slice(&bytes)
                    .map_err(|source| PlantError::Parse { path: path.clone(), source })?;
                Knobs::default()
                    .with(&kept)
                    .map_err(|source| PlantError::Knob { path: path.clone(), source })?
            }
        };
        Ok(Self::with(Some(path), knobs))
    }

    /// The knobs as they are.
    #[must_use]
    pub fn knobs(&self) -> Knobs {
        *self.lock()
    }

    /// The state now and whenever it changes.
    #[must_use]
    pub fn news(&self) -> watch::Receiver<Knobs> {
        self.news.subscribe()
    }

    /// Turns the knobs that `change` names, all or none, and returns the new state.
    ///
    /// # Errors
    /// [`ChangeError`] when a knob or value is not possible, or the state cannot be kept.
    pub fn change(&self, change: &Map<String, Value>) -> Result<Knobs, ChangeError> {
        let mut knobs = self.lock();
        let new = knobs.with(change)?;
        if let Some(path) = &self.path {
            let text = new.to_json().to_string();
            atomic::replace(path, text.as_bytes(), 0o644).map_err(PlantError::from)?;
        }
        *knobs = new;
        self.news.send_replace(new);
        Ok(new)
    }

    /// A value is only ever replaced whole, so a poisoned lock still guards a good one.
    fn lock(&self) -> MutexGuard<'_, Knobs> {
        self.knobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
