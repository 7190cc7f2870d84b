//! A check that asks a web server.

use crate::causes::causes;
use async_trait::async_trait;
use ota_core::SlotId;
use ota_engine::ports::HealthCheck;
use reqwest::{Client, redirect};
use std::time::Duration;
use url::Url;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpCheckConfig {
    pub name: String,
    pub required: bool,
    /// A `GET` of it must be answered with 2xx.
    pub url: Url,
    pub timeout: Duration,
    /// Accept whatever certificate is shown: for the gateway's own server, whose certificate is made for its names and not for
    /// the address that it is asked at. Nobody stands in between.
    pub any_certificate: bool,
}

/// Passes when the answer is 2xx.
#[derive(Debug, Clone)]
pub struct HttpCheck {
    config: HttpCheckConfig,
    client: Client,
}

impl HttpCheck {
    /// A client for one check.
    ///
    /// # Errors
    /// When no TLS client can be made.
    pub fn new(config: HttpCheckConfig) -> Result<Self, reqwest::Error> {
        let client = Client::builder()
            .timeout(config.timeout)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .tls_danger_accept_invalid_certs(config.any_certificate)
            .build()?;
        Ok(Self { config, client })
    }
}

#[async_trait]
impl HealthCheck for HttpCheck {
    fn name(&self) -> &str {
        &self.config.name
    }

    fn required(&self) -> bool {
        self.config.required
    }

    async fn run(&self, _booted: SlotId) -> Result<(), String> {
        let url = &self.config.url;
        match self.client.get(url.clone()).send().await {
            Ok(response) if response.status().is_success() => Ok(()),
            Ok(response) => Err(format!("{url} answers HTTP {}.", response.status().as_u16())),
            Err(error) if error.is_timeout() => {
                Err(format!("{url} does not answer within {} s.", self.config.timeout.as_secs_f64()))
            }
            Err(error) => {
                tracing::debug!(check = self.config.name, error = causes(&error), "health check failed");
                Err(format!("{url} cannot be reached."))
            }
        }
    }
}
