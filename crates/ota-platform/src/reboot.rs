//! Restarting the gateway.

mod model;
mod systemd;

pub use model::{BootModelConfig, ModelError, ModelReboot, power_on};
pub use systemd::{SystemdReboot, SystemdRebootConfig};

use std::fs;
use std::io;
use std::path::Path;

/// Reads what identifies the running boot.
///
/// # Errors
/// When the file cannot be read or is empty.
pub fn boot_id(path: &Path) -> io::Result<String> {
    let text = fs::read_to_string(path)?;
    match text.trim() {
        "" => Err(io::Error::new(io::ErrorKind::InvalidData, "the boot id is empty")),
        id => Ok(id.to_owned()),
    }
}
