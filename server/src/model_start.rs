//! The start of a gateway whose hardware is modelled: what its initramfs does before a slot is mounted.

use crate::boot_orders;
use crate::config::Config;
use crate::wiring::{self, WiringError};
use ota_platform::{BootOrderFiles, boot_id, power_on};
use tokio::task::spawn_blocking;

/// Carries out what was ordered for this start, and lets the boot loader choose again where that is due. In a boot that has come up
/// already nothing is left to do.
///
/// # Errors
/// When no slot starts. An order that cannot be carried out keeps no gateway from coming up.
pub async fn come_up(config: &Config) -> Result<(), WiringError> {
    const WHAT: &str = "the modelled hardware does not start";
    let files = BootOrderFiles::within(&config.data_dir);
    loop {
        if !config.boot.boot_id.exists() {
            // It was never switched on; what is missing, the service says itself.
            return Ok(());
        }
        let boot = boot_id(&config.boot.boot_id).map_err(WiringError::io(WHAT, &config.boot.boot_id))?;
        let looked = files.look().map_err(WiringError::io(WHAT, &config.data_dir))?;
        if looked.as_deref() == Some(boot.as_str()) {
            return Ok(());
        }
        match boot_orders::carry_out(config).await {
            Ok(outcome) if outcome.restarts() => {
                let model = wiring::boot_model(config);
                let started = spawn_blocking(move || power_on(&model)).await;
                let started = started.map_err(|error| WiringError::new(WHAT, error))?;
                started.map_err(|error| WiringError::new(WHAT, wiring::causes(&error)))?;
            }
            Ok(_) => return Ok(()),
            Err(error) => {
                tracing::error!(%error, "the start goes on without what was ordered");
                return Ok(());
            }
        }
    }
}
