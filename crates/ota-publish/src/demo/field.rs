//! What carries the plant's signals: an MQTT broker for the crane and its anti-collision system, and a NUT server for the UPS,
//! each where it is installed. Without them the gateway asks the plant over HTTP.

mod broker;
mod child;
mod ups;

pub(super) use broker::{ACS_TOPIC, CRANE_TOPIC};
pub(super) use ups::UPS;

use crate::plant::Plant;
use broker::Broker;
use std::error::Error;
use std::path::{Path, PathBuf};
use tokio::task::JoinSet;
use ups::Ups;

/// Where mosquitto and NUT are looked for: `PATH`, the administrators' directories, which are not on everybody's, and Debian's
/// place for NUT. That goes first, for what Debian has in its stead in `/usr/sbin` must be enabled before it starts anything.
#[must_use]
pub(super) fn usual_directories() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let nut = ["/lib/nut", "/usr/lib/nut"].map(PathBuf::from);
    nut.into_iter()
        .chain(std::env::split_paths(&path))
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .collect()
}

/// Running carriers. They end when this is dropped.
#[derive(Debug)]
pub(super) struct Field {
    broker: Option<u16>,
    ups: Option<u16>,
    tasks: JoinSet<()>,
}

impl Field {
    /// Starts what is found in `programs`; their files are in `directory`. What cannot be started is logged and left out.
    pub(super) async fn start(directory: &Path, programs: &[PathBuf], plant: &Plant) -> Self {
        let mut field = Self { broker: None, ups: None, tasks: JoinSet::new() };
        if let Some(broker) = usable("mosquitto", Broker::start(directory, programs).await) {
            field.broker = Some(broker.port());
            field.tasks.spawn(broker.follow(plant.news()));
        }
        if let Some(ups) = usable("NUT", Ups::start(directory, programs, plant.knobs()).await) {
            field.ups = Some(ups.port());
            field.tasks.spawn(ups.follow(plant.news()));
        }
        field
    }

    /// Port of the broker.
    pub(super) const fn broker(&self) -> Option<u16> {
        self.broker
    }

    /// Port of the NUT server.
    pub(super) const fn ups(&self) -> Option<u16> {
        self.ups
    }

    /// Ends all programs.
    pub(super) async fn stop(mut self) {
        self.tasks.shutdown().await;
    }
}

fn usable<T>(what: &'static str, started: Result<Option<T>, child::ChildError>) -> Option<T> {
    match started {
        Ok(Some(started)) => {
            tracing::info!("{what} carries signals of the plant");
            Some(started)
        }
        Ok(None) => {
            tracing::info!("{what} is not installed: these signals of the plant are asked for over HTTP");
            None
        }
        Err(error) => {
            let error: &dyn Error = &error;
            tracing::warn!(
                error,
                "{what} does not start: these signals of the plant are asked for over HTTP"
            );
            None
        }
    }
}
