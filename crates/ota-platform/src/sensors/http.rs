//! A source that answers HTTP requests with JSON.

use super::fault;
use super::poll::Peer;
use super::rule::Rule;
use super::secret::{self, Credentials};
use super::source::Answer;
use async_trait::async_trait;
use reqwest::{Certificate, Client, RequestBuilder, StatusCode, redirect};
use serde_json::Value;
use std::path::{Path, PathBuf};
use url::Url;

/// Longer answers are not read: signals are short.
const MAX_ANSWER: usize = 64 << 10;

/// What is asked, and as whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpConfig {
    pub url: Url,
    pub login: Option<HttpLogin>,
    /// PEM certificates of those who may sign the server's; the system's where there is none.
    pub ca: Option<PathBuf>,
}

/// How the gateway proves who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HttpLogin {
    /// `Authorization: Basic` (RFC 7617).
    Basic(Credentials),
    /// `Authorization: Bearer` (RFC 6750), with the first line of a file.
    Bearer(PathBuf),
}

/// Asks for the document, which is the same for every rule.
pub(super) struct HttpPeer {
    config: HttpConfig,
    /// Made when it is first needed, because the certificates may not be there yet.
    client: Option<Client>,
}

impl HttpPeer {
    pub(super) const fn new(config: HttpConfig) -> Self {
        Self { config, client: None }
    }

    async fn client(&mut self) -> Result<Client, String> {
        if let Some(client) = &self.client {
            return Ok(client.clone());
        }
        // A signal is read at its source alone: no detour by a proxy or a redirect.
        let mut builder = Client::builder().redirect(redirect::Policy::none()).no_proxy();
        if let Some(path) = &self.config.ca {
            builder = builder.tls_certs_only(certificates(path).await?);
        }
        let client = builder.build().map_err(|error| format!("TLS cannot be used: {error}"))?;
        Ok(self.client.insert(client).clone())
    }

    async fn document(&mut self) -> Result<Value, String> {
        let client = self.client().await?;
        let request = authorize(client.get(self.config.url.clone()), self.config.login.as_ref()).await?;
        let mut response = request.send().await.map_err(|error| fault::clause(&error))?;
        match response.status() {
            status if status.is_success() => {}
            status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                return Err(format!("it refuses this gateway’s login (HTTP {})", status.as_u16()));
            }
            status => return Err(format!("HTTP {}", status.as_u16())),
        }
        let mut body = Vec::new();
        while let Some(part) = response.chunk().await.map_err(|error| fault::clause(&error))? {
            if body.len() + part.len() > MAX_ANSWER {
                return Err("its answer is too long".to_owned());
            }
            body.extend_from_slice(&part);
        }
        serde_json::from_slice(&body).map_err(|_| "its answer is not JSON".to_owned())
    }
}

#[async_trait]
impl Peer for HttpPeer {
    async fn ask(&mut self, rules: &[Rule]) -> Result<Vec<Answer>, String> {
        let document = self.document().await?;
        Ok(rules.iter().map(|_| Ok(document.clone())).collect())
    }
}

async fn authorize(request: RequestBuilder, login: Option<&HttpLogin>) -> Result<RequestBuilder, String> {
    Ok(match login {
        None => request,
        Some(HttpLogin::Bearer(path)) => request.bearer_auth(secret::read(path).await?.expose()),
        Some(HttpLogin::Basic(credentials)) => {
            let password = secret::read(&credentials.password_file).await?;
            request.basic_auth(&credentials.username, Some(password.expose()))
        }
    })
}

async fn certificates(path: &Path) -> Result<Vec<Certificate>, String> {
    let shown = path.display();
    let text = tokio::fs::read(path).await;
    let text = text.map_err(|error| format!("the file {shown} cannot be read: {error}"))?;
    match Certificate::from_pem_bundle(&text) {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(format!("the file {shown} holds no usable certificate")),
    }
}
