//! A check that a port takes connections.

use crate::HostPort;
use async_trait::async_trait;
use ota_core::{CheckPlan, SlotId};
use ota_engine::ports::HealthCheck;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Who is to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TcpCheckConfig {
    pub plan: CheckPlan,
    pub address: HostPort,
    pub timeout: Duration,
}

/// Passes when a connection is opened. Nothing is said over it.
#[derive(Debug, Clone)]
pub struct TcpCheck {
    config: TcpCheckConfig,
}

impl TcpCheck {
    #[must_use]
    pub const fn new(config: TcpCheckConfig) -> Self {
        Self { config }
    }
}

#[async_trait]
impl HealthCheck for TcpCheck {
    fn plan(&self) -> &CheckPlan {
        &self.config.plan
    }

    async fn run(&self, _booted: SlotId) -> Result<(), String> {
        let TcpCheckConfig { plan, address, timeout: limit } = &self.config;
        match timeout(*limit, TcpStream::connect((address.host.as_str(), address.port))).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => {
                tracing::debug!(check = plan.name, %error, "health check failed");
                Err(format!("{address} takes no connection: {}.", error.kind()))
            }
            Err(_) => Err(format!("{address} does not answer within {} s.", limit.as_secs_f64())),
        }
    }
}
