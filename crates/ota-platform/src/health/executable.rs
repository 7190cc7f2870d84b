//! A check that is a program of the site.

use super::program;
use async_trait::async_trait;
use ota_core::{BySlot, CheckPlan, SlotId};
use ota_engine::ports::HealthCheck;
use std::path::PathBuf;
use std::time::Duration;

/// What is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutableCheckConfig {
    pub plan: CheckPlan,
    /// Program and arguments. Its environment has `GATEWAY_OTA_SLOT` (`A` or `B`) and `GATEWAY_OTA_SLOT_DEVICE`.
    pub command: Vec<String>,
    /// After this the program and everything that it started are killed.
    pub timeout: Duration,
    /// Root place of each slot.
    pub devices: BySlot<PathBuf>,
    /// More of its environment.
    pub environment: Vec<(String, String)>,
}

/// Passes when the program ends with status 0.
#[derive(Debug, Clone)]
pub struct ExecutableCheck {
    config: ExecutableCheckConfig,
}

impl ExecutableCheck {
    #[must_use]
    pub const fn new(config: ExecutableCheckConfig) -> Self {
        Self { config }
    }
}

#[async_trait]
impl HealthCheck for ExecutableCheck {
    fn plan(&self) -> &CheckPlan {
        &self.config.plan
    }

    async fn run(&self, booted: SlotId) -> Result<(), String> {
        let device = self.config.devices.get(booted).display().to_string();
        let mut environment = self.config.environment.clone();
        environment.push(("GATEWAY_OTA_SLOT".to_owned(), booted.as_str().to_owned()));
        environment.push(("GATEWAY_OTA_SLOT_DEVICE".to_owned(), device));
        program::run(&self.config.command, &environment, self.config.timeout).await?.success()
    }
}
