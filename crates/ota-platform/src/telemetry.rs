//! Figures about the running system.

use ota_engine::ports::{ResourceUse, Telemetry};
use std::sync::{Mutex, PoisonError};
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

/// The kernel's figures cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot read the system's figures: {0}")]
pub struct TelemetryError(String);

/// Processor and memory use as the kernel counts them.
#[derive(Debug)]
pub struct SystemTelemetry {
    system: Mutex<System>,
    kernel: String,
}

impl SystemTelemetry {
    /// # Errors
    /// [`TelemetryError`] when the kernel's figures are not there.
    pub fn open() -> Result<Self, TelemetryError> {
        let wanted = RefreshKind::nothing()
            .with_cpu(CpuRefreshKind::nothing().with_usage())
            .with_memory(MemoryRefreshKind::nothing().with_ram());
        let system = System::new_with_specifics(wanted).map_err(|error| TelemetryError(error.to_string()))?;
        let kernel = rustix::system::uname().release().to_string_lossy().into_owned();
        Ok(Self { system: Mutex::new(system), kernel })
    }
}

impl Telemetry for SystemTelemetry {
    fn resources(&self) -> ResourceUse {
        let mut system = self.system.lock().unwrap_or_else(PoisonError::into_inner);
        system.refresh_cpu_usage();
        system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
        ResourceUse {
            cpu: f64::from(system.global_cpu_usage()).clamp(0.0, 100.0),
            memory: percent(system.used_memory(), system.total_memory()),
        }
    }

    fn kernel(&self) -> String {
        self.kernel.clone()
    }
}

#[allow(clippy::cast_precision_loss, reason = "a percentage needs no 53 bits")]
fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { (part as f64 / whole as f64 * 100.0).clamp(0.0, 100.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_are_those_of_the_kernel() {
        let telemetry = SystemTelemetry::open().unwrap();
        let used = telemetry.resources();
        assert!((0.0..=100.0).contains(&used.cpu), "{used:?}");
        assert!(used.memory > 0.0 && used.memory <= 100.0, "{used:?}");
        let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
        assert_eq!(telemetry.kernel(), release.trim_end());
    }
}
