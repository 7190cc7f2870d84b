//! `pin`: the PINs that open an override and a factory reset. They come from the standard input, as passwords do.

use super::{Failure, output, secret};
use crate::password;
use crate::recorded::recorded;
use clap::Subcommand;
use ota_core::{AuditAction, AuditEntry, PinKind, WeakPin, check_new_pin};
use ota_engine::ports::PinStore;
use ota_store::SqliteStore;
use std::path::Path;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Sets or replaces a PIN of six digits or more; it is the first line of the standard input. Ends a wait after wrong tries.
    Set {
        /// override or factory.
        kind: PinKind,
        /// Does nothing when one is set already.
        #[arg(long)]
        if_missing: bool,
        /// Accepts a PIN that stands in the documentation: for demos.
        #[arg(long)]
        accept_published: bool,
    },
}

pub(super) async fn run(command: Command, data_dir: &Path) -> Result<(), Failure> {
    let store = super::open_store(data_dir, true).await?;
    let Command::Set { kind, if_missing, accept_published } = command;
    let done = set(&store, kind, if_missing, accept_published).await;
    store.close().await;
    done
}

async fn set(store: &SqliteStore, kind: PinKind, if_missing: bool, published: bool) -> Result<(), Failure> {
    if if_missing && store.pin(kind).await.map_err(Failure::failed)?.is_some() {
        return Ok(());
    }
    let work = move || {
        let pin = secret::read(&format!("{kind} PIN"))?;
        match check_new_pin(&pin) {
            Err(WeakPin::Published) if published => {}
            checked => checked.map_err(Failure::failed)?,
        }
        password::hash_pin(&pin).map_err(Failure::failed)
    };
    let hash = tokio::task::spawn_blocking(work).await.map_err(Failure::failed)??;
    let attempt = AuditEntry::attempt(&super::operator(), AuditAction::PinSet).about(kind.as_str());
    recorded(store, attempt, store.put_pin(kind, &hash)).await.map_err(Failure::failed)?;
    output::line(format!("The {kind} PIN is set."));
    Ok(())
}
