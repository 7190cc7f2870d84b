//! A check that asks a web server.

use crate::causes::causes;
use async_trait::async_trait;
use ota_core::{CheckPlan, SlotId};
use ota_engine::ports::HealthCheck;
use reqwest::{Client, Response, redirect};
use std::time::Duration;
use url::Url;

/// Bytes of an answer that are looked through; more is not read.
const LONGEST: usize = 1 << 20;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpCheckConfig {
    pub plan: CheckPlan,
    /// What a `GET` is sent to.
    pub url: Url,
    /// The status of a good answer; none: any 2xx.
    pub status: Option<u16>,
    /// What the body of a good answer has in it.
    pub contains: Option<String>,
    pub timeout: Duration,
    /// Accept whatever certificate is shown: for the gateway's own server, whose certificate is made for its names and not for
    /// the address that it is asked at. Nobody stands in between.
    pub any_certificate: bool,
}

/// Passes when the answer is the expected one.
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

    async fn judge(&self, response: Response) -> Result<(), String> {
        let (url, status) = (&self.config.url, response.status());
        if self.config.status.map_or(!status.is_success(), |expected| status.as_u16() != expected) {
            return Err(format!("{url} answers HTTP {}.", status.as_u16()));
        }
        let Some(text) = &self.config.contains else { return Ok(()) };
        let body = self.body(response).await?;
        if String::from_utf8_lossy(&body).contains(text) {
            return Ok(());
        }
        Err(format!("The answer of {url} does not have “{text}” in it."))
    }

    async fn body(&self, mut response: Response) -> Result<Vec<u8>, String> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.complaint(&error))? {
            body.extend_from_slice(&chunk);
            if body.len() > LONGEST {
                body.truncate(LONGEST);
                break;
            }
        }
        Ok(body)
    }

    fn complaint(&self, error: &reqwest::Error) -> String {
        let HttpCheckConfig { plan, url, timeout, .. } = &self.config;
        if error.is_timeout() {
            return format!("{url} does not answer within {} s.", timeout.as_secs_f64());
        }
        tracing::debug!(check = plan.name, error = causes(error), "health check failed");
        format!("{url} cannot be reached.")
    }
}

#[async_trait]
impl HealthCheck for HttpCheck {
    fn plan(&self) -> &CheckPlan {
        &self.config.plan
    }

    async fn run(&self, _booted: SlotId) -> Result<(), String> {
        match self.client.get(self.config.url.clone()).send().await {
            Ok(response) => self.judge(response).await,
            Err(error) => Err(self.complaint(&error)),
        }
    }
}
