//! A check that a unit of systemd runs.

use super::program;
use async_trait::async_trait;
use ota_core::{CheckPlan, SlotId};
use ota_engine::ports::HealthCheck;
use std::time::Duration;

/// Which unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemdCheckConfig {
    pub plan: CheckPlan,
    /// Program and arguments in front of the unit's name.
    pub command: Vec<String>,
    /// For example `crane-controller.service`.
    pub unit: String,
    /// How long systemd may take to answer.
    pub timeout: Duration,
}

impl SystemdCheckConfig {
    /// Asks `systemctl is-active`.
    #[must_use]
    pub fn new(plan: CheckPlan, unit: String, timeout: Duration) -> Self {
        let command = ["systemctl", "is-active", "--"].map(str::to_owned).into();
        Self { plan, command, unit, timeout }
    }
}

/// Passes when systemd says that the unit is active.
#[derive(Debug, Clone)]
pub struct SystemdCheck {
    config: SystemdCheckConfig,
}

impl SystemdCheck {
    #[must_use]
    pub const fn new(config: SystemdCheckConfig) -> Self {
        Self { config }
    }
}

#[async_trait]
impl HealthCheck for SystemdCheck {
    fn plan(&self) -> &CheckPlan {
        &self.config.plan
    }

    async fn run(&self, _booted: SlotId) -> Result<(), String> {
        let SystemdCheckConfig { unit, timeout, .. } = &self.config;
        let mut command = self.config.command.clone();
        command.push(unit.clone());
        let ended = program::run(&command, &[], *timeout).await?;
        if ended.status.success() {
            return Ok(());
        }
        // One word, such as `activating`; or why systemd cannot be asked.
        Err(match ended.words {
            Some(words) => format!("{unit} is not active: {words}."),
            None => format!("{unit} is not active."),
        })
    }
}
