//! The boot environment for the first time, and for people.

use super::{ORDER, UbootConfig, open, tries_variable};
use crate::causes::causes;
use ota_core::{BootSelection, SlotId};
use uboot_env::{Config, ConfigError, Environment, InvalidVariable, Store};

/// The boot environment cannot be read or made.
#[derive(Debug, thiserror::Error)]
pub enum CommissionError {
    #[error("cannot find the boot environment: {0}")]
    Configuration(#[from] ConfigError),
    #[error(
        "there is a boot environment, but no copy of it is valid: save it once in U-Boot (saveenv), then try again"
    )]
    Damaged,
    /// With its causes.
    #[error("the boot environment: {0}")]
    Unusable(String),
}

/// Makes the boot environment where there is none, and adds the variables of `selection` where an existing one lacks them. What
/// is there is never replaced: on a real board it holds the boot script. True when something was written. Blocking.
///
/// # Errors
/// [`CommissionError`]; a damaged environment is left as it is.
pub fn commission(config: &UbootConfig, selection: &BootSelection) -> Result<bool, CommissionError> {
    let wanted = variables(selection).map_err(|error| CommissionError::Unusable(causes(&error)))?;
    let places = Config::load(&config.environment)?;
    let places = places.with_scheme(config.scheme).with_lock_file(config.lock_file.clone());
    if places.copies.iter().all(|copy| !copy.device.exists()) {
        let made = Store::create(places, &wanted);
        return made.map(|_| true).map_err(|error| CommissionError::Unusable(causes(&error)));
    }
    let store = Store::open(places);
    if read(&store)?.get(ORDER).is_some() {
        return Ok(false);
    }
    let added = store.update(|variables| {
        wanted.iter().try_for_each(|(name, value)| variables.set(name, value))?;
        Ok::<_, InvalidVariable>(())
    });
    added.map(|()| true).map_err(|error| CommissionError::Unusable(causes(&error)))
}

/// Every variable with its value, in the order of the environment. Blocking.
///
/// # Errors
/// [`CommissionError`].
pub fn boot_variables(config: &UbootConfig) -> Result<Vec<(String, String)>, CommissionError> {
    let variables = read(&open(config)?)?;
    Ok(variables.iter().map(|(name, value)| (name.to_owned(), value.to_string())).collect())
}

fn read(store: &Store) -> Result<Environment, CommissionError> {
    store.read().map_err(|error| match error {
        uboot_env::Error::NoValidCopy => CommissionError::Damaged,
        error => CommissionError::Unusable(causes(&error)),
    })
}

fn variables(selection: &BootSelection) -> Result<Environment, InvalidVariable> {
    let mut variables = Environment::new();
    variables.set(ORDER, selection.order_variable())?;
    for slot in SlotId::ALL {
        variables.set(tries_variable(slot), selection.left.get(slot).to_string())?;
    }
    Ok(variables)
}
