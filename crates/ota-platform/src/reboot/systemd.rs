//! The restart of a real gateway.

use async_trait::async_trait;
use ota_core::{Clearance, FailureCode, RebootGate};
use ota_engine::ports::{Reboot, StepError};
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use tokio::process::Command;

/// How a restart is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemdRebootConfig {
    /// Program and arguments.
    pub command: Vec<String>,
    /// File with the kernel's boot id.
    pub boot_id: PathBuf,
}

impl Default for SystemdRebootConfig {
    fn default() -> Self {
        Self {
            command: vec!["systemctl".to_owned(), "reboot".to_owned()],
            boot_id: PathBuf::from("/proc/sys/kernel/random/boot_id"),
        }
    }
}

/// Asks the service manager for the restart, which then ends this process in order.
#[derive(Debug, Clone)]
pub struct SystemdReboot {
    command: Vec<String>,
    boot_id: String,
}

impl SystemdReboot {
    /// # Errors
    /// When the boot id cannot be read.
    pub fn open(config: SystemdRebootConfig) -> io::Result<Self> {
        Ok(Self { boot_id: super::boot_id(&config.boot_id)?, command: config.command })
    }
}

#[async_trait]
impl Reboot for SystemdReboot {
    fn boot_id(&self) -> String {
        self.boot_id.clone()
    }

    async fn reboot(&self, _clearance: Clearance<RebootGate>) -> Result<(), StepError> {
        let (program, arguments) =
            self.command.split_first().ok_or_else(|| refused("no command is configured".to_owned()))?;
        let output = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .output()
            .await
            .map_err(|error| refused(format!("{program}: {error}")))?;
        if output.status.success() {
            return Ok(());
        }
        let words = String::from_utf8_lossy(&output.stderr);
        Err(refused(format!("{program}: {}: {}", output.status, words.trim())))
    }
}

fn refused(detail: String) -> StepError {
    StepError::failed(
        FailureCode::InstallFailed,
        "The system refused to restart. Restart the gateway by hand, or try again.",
        detail,
    )
}
