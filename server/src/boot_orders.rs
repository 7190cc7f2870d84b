//! What was ordered for the next start of the gateway, carried out in it.
//!
//! A factory reset can be carried out by the service too, before it opens its database. A slot is written only by `boot-apply`, before
//! it is mounted.

use crate::config::Config;
use crate::reset::{self, ResetError};
use crate::wiring::{self, WiringError};
use ota_core::{JobId, Running};
use ota_engine::Started;
use ota_engine::ports::{StepError, StoreError};
use ota_platform::{BootOrderFiles, boot_id, is_mounted};
use ota_store::{ServiceLock, SqliteStore};
use std::io;
use std::path::{Path, PathBuf};

/// What became of the orders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub reset: reset::Outcome,
    /// None where there was no order to write a slot.
    pub slot: Option<(JobId, Started)>,
    /// Orders were looked for before the slot was mounted.
    pub early: bool,
}

impl Outcome {
    /// The gateway has to restart before anything is mounted.
    #[must_use]
    pub fn restarts(&self) -> bool {
        matches!(&self.slot, Some((_, Started::Restart)))
    }
}

/// Why an order is not carried out. The next start tries again.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    #[error(transparent)]
    Reset(#[from] ResetError),
    #[error("cannot use {}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Wiring(#[from] WiringError),
    #[error("the slot is not written: {0}")]
    Store(#[from] StoreError),
    #[error("the slot is not written: {0}")]
    Step(#[from] StepError),
}

/// Carries out every order, and leaves a note for the service that the start looks for them.
///
/// # Errors
/// [`OrderError`]; the next call goes on where this one ended.
pub async fn carry_out(config: &Config) -> Result<Outcome, OrderError> {
    let reset = reset::carry_out(config).await?;
    let slot = write_slot(config).await?;
    let early = is_early(config).unwrap_or_else(|error| {
        tracing::warn!(%error, "it cannot be told whether the slot that starts is mounted");
        false
    });
    let outcome = Outcome { reset, slot, early };
    if early && !outcome.restarts() && config.data_dir.is_dir() {
        let files = BootOrderFiles::within(&config.data_dir);
        files.note_look(&running_boot(config)?).map_err(in_file(&config.data_dir))?;
    }
    Ok(outcome)
}

async fn write_slot(config: &Config) -> Result<Option<(JobId, Started)>, OrderError> {
    let found = BootOrderFiles::within(&config.data_dir).slot();
    let order = match found {
        Ok(order) => order,
        // Nobody can carry it out; the service finds that it was not.
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) => {
            tracing::error!(%error, "the order to write a slot is damaged and passed over");
            None
        }
        Err(error) => return Err(in_file(&config.data_dir)(error)),
    };
    let Some(order) = order else { return Ok(None) };
    let database = wiring::database(&config.data_dir);
    let _alone = ServiceLock::take(&database)?;
    let store = SqliteStore::open(&database).await?;
    let id = order.job.id.clone();
    let start = wiring::slot_start(config, &store, running_boot(config)?)?;
    let started = start.carry_out(order).await;
    drop(start);
    store.close().await;
    Ok(Some((id, started?)))
}

/// The slot that starts is not mounted yet. Where nothing says which one starts, nobody can tell.
fn is_early(config: &Config) -> Result<bool, OrderError> {
    let place = match wiring::running(config)? {
        Running::Slot(slot) => wiring::root(config, slot).to_owned(),
        Running::Recovery => match &config.slots.r {
            Some(slot) => slot.rootfs.clone(),
            None => return Ok(false),
        },
    };
    Ok(!is_mounted(&place).map_err(in_file(&place))?)
}

fn running_boot(config: &Config) -> Result<String, OrderError> {
    boot_id(&config.boot.boot_id).map_err(in_file(&config.boot.boot_id))
}

fn in_file(path: &Path) -> impl FnOnce(io::Error) -> OrderError {
    let path = path.to_owned();
    move |source| OrderError::File { path, source }
}
