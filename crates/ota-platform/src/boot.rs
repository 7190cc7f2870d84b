//! The boot environment: RAUC's variables in U-Boot's own format.

mod commission;

use crate::causes::causes;
use crate::clock::SystemClock;
use async_trait::async_trait;
use ota_core::{BootSelection, FailureCode, Running, SlotId};
use ota_engine::ports::{BootEnvironment, Clock, PermittedChange, StepError};
use std::path::PathBuf;
use tokio::task::spawn_blocking;
use uboot_env::{Config, ConfigError, Environment, InvalidVariable, Store, Transaction, UpdateError};

pub use commission::{CommissionError, boot_variables, commission};
pub use uboot_env::{DEFAULT_LOCK_FILE, FlagScheme};

const ORDER: &str = "BOOT_ORDER";
const RECOVERY_TRIES: &str = "BOOT_R_LEFT";

/// Where U-Boot's environment is, and how its two copies are told apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UbootConfig {
    /// A file with the syntax of `fw_env.config`.
    pub environment: PathBuf,
    pub scheme: FlagScheme,
    /// Shared with `fw_setenv` on a gateway: [`DEFAULT_LOCK_FILE`].
    pub lock_file: PathBuf,
}

/// U-Boot's environment behind the engine's port. It changes an environment and never makes one.
#[derive(Debug, Clone)]
pub struct UbootEnvironment {
    store: Store,
}

impl UbootEnvironment {
    /// Reads the configuration file. The environment itself is looked at by each operation.
    ///
    /// # Errors
    /// [`ConfigError`] when the file cannot be read or names no usable place.
    pub fn open(config: &UbootConfig) -> Result<Self, ConfigError> {
        Ok(Self { store: open(config)? })
    }
}

#[async_trait]
impl BootEnvironment for UbootEnvironment {
    async fn read(&self) -> Result<BootSelection, StepError> {
        let store = self.store.clone();
        let read = spawn_blocking(move || store.read()).await.map_err(unusable)?;
        Ok(selection(&read.map_err(unusable)?))
    }

    async fn commit(&self, change: PermittedChange) -> Result<BootSelection, StepError> {
        let store = self.store.clone();
        spawn_blocking(move || commit(&store, &change)).await.map_err(unusable)?
    }
}

pub(crate) fn open(config: &UbootConfig) -> Result<Store, ConfigError> {
    let places = Config::load(&config.environment)?;
    Ok(Store::open(places.with_scheme(config.scheme).with_lock_file(config.lock_file.clone())))
}

/// What the boot loader will do, as the variables say it.
pub(crate) fn selection(variables: &Environment) -> BootSelection {
    let [a, b] = SlotId::ALL.map(|slot| variables.get(tries_variable(slot)));
    let order = variables.get(ORDER);
    BootSelection::from_variables(order, a, b).with_recovery(order, variables.get(RECOVERY_TRIES))
}

/// Makes the variables say `after`. Slots of the order that are not ours come after them, and the recovery slot
/// is last.
pub(crate) fn put(variables: &mut Transaction, after: &BootSelection) -> Result<(), InvalidVariable> {
    let before = selection(variables.environment());
    if before.order != after.order || before.recovery.is_some() != after.recovery.is_some() {
        let old = variables.get(ORDER).unwrap_or_default().to_owned();
        let is_ours = |name: &str| name.parse::<Running>().is_ok();
        let foreign = old.split_ascii_whitespace().filter(|name| !is_ours(name));
        let slots = after.order.iter().map(|slot| slot.as_str());
        let recovery = after.recovery.map(|_| Running::RECOVERY);
        variables.set(ORDER, slots.chain(foreign).chain(recovery).collect::<Vec<_>>().join(" "))?;
    }
    if let Some(tries) = after.recovery {
        variables.set(RECOVERY_TRIES, tries.to_string())?;
    }
    for slot in SlotId::ALL {
        // Written even where a missing variable counts as zero already: boot scripts give a missing one its default.
        variables.set(tries_variable(slot), after.left.get(slot).to_string())?;
    }
    Ok(())
}

/// Why a change was given up under the lock.
#[derive(Debug, thiserror::Error)]
enum GivenUp {
    #[error("the clearance had grown too old")]
    Late,
    #[error(transparent)]
    Variable(#[from] InvalidVariable),
}

fn commit(store: &Store, change: &PermittedChange) -> Result<BootSelection, StepError> {
    let updated = store.update(|variables| {
        // The lock may have been waited for.
        if change.is_late(SystemClock.boot()) {
            return Err(GivenUp::Late);
        }
        let wanted = selection(variables.environment()).with(change.change());
        put(variables, &wanted)?;
        Ok(wanted)
    });
    let wanted = match updated {
        Err(UpdateError::Change(GivenUp::Late)) => return Err(StepError::Late),
        other => other.map_err(unusable)?,
    };
    let found = selection(&store.read().map_err(unusable)?);
    if found == wanted { Ok(found) } else { Err(overwritten(&wanted, &found)) }
}

const fn tries_variable(slot: SlotId) -> &'static str {
    match slot {
        SlotId::A => "BOOT_A_LEFT",
        SlotId::B => "BOOT_B_LEFT",
    }
}

fn unusable<E: std::error::Error + 'static>(error: E) -> StepError {
    StepError::failed(
        FailureCode::InstallFailed,
        "The boot environment cannot be used. Check the boot environment's storage and its configuration.",
        causes(&error),
    )
}

fn overwritten(wanted: &BootSelection, found: &BootSelection) -> StepError {
    StepError::failed(
        FailureCode::InstallFailed,
        "Another program changed the boot environment at the same moment. Find out which, then try again.",
        format!("wrote {wanted:?}, read back {found:?}"),
    )
}
