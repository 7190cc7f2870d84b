//! Asking a gateway: one exchange for all routes.

use crate::{
    failure::{Failure, UNREACHABLE},
    output,
};
use ota_api::{ApiError, routes};
use reqwest::{RequestBuilder, Response};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::error::Error;
use url::Url;

/// A gateway to ask.
pub(crate) struct Client {
    http: reqwest::Client,
    url: Url,
    gateway: String,
    token: Option<String>,
    json: bool,
}

/// What a gateway answered.
pub(crate) struct Answer {
    pub(crate) data: Value,
    /// A sentence for people.
    pub(crate) message: String,
}

impl Answer {
    /// The data as what this release knows of it.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_value(self.data.clone()).map_err(|error| misunderstood(&error))
    }
}

impl Client {
    pub(crate) const fn new(http: reqwest::Client, url: Url, gateway: String, json: bool) -> Self {
        Self { http, url, gateway, token: None, json }
    }

    pub(crate) fn with_token(self, token: String) -> Self {
        Self { token: Some(token), ..self }
    }

    /// Whether answers are printed as they came.
    pub(crate) const fn json(&self) -> bool {
        self.json
    }

    /// Prints an answer as it came, or `text` of it.
    pub(crate) fn show(
        &self,
        answer: &Answer,
        text: impl FnOnce() -> Result<String, Failure>,
    ) -> Result<(), Failure> {
        if self.json { output::json(&answer.data) } else { output::line(text()?) }
    }

    /// `path` below the interface's base.
    pub(crate) async fn get(&self, path: &str, query: &[(&str, String)]) -> Result<Answer, Failure> {
        let mut address = self.address(&format!("{}/{path}", routes::BASE));
        if !query.is_empty() {
            address.query_pairs_mut().extend_pairs(query);
        }
        self.exchange(self.http.get(address)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &impl Serialize) -> Result<Answer, Failure> {
        self.post_to(&format!("{}/{path}", routes::BASE), body).await
    }

    pub(crate) async fn post_to(&self, path: &str, body: &impl Serialize) -> Result<Answer, Failure> {
        self.exchange(self.http.post(self.address(path)).json(body)).await
    }

    /// An answer that goes on.
    pub(crate) async fn open(&self, path: &str, query: &[(&str, &str)]) -> Result<Response, Failure> {
        let mut address = self.address(path);
        address.query_pairs_mut().extend_pairs(query);
        let response = self.send(self.http.get(address)).await?;
        if response.status().is_success() { Ok(response) } else { Err(refusal(response).await) }
    }

    async fn exchange(&self, request: RequestBuilder) -> Result<Answer, Failure> {
        let response = self.send(request).await?;
        if !response.status().is_success() {
            return Err(refusal(response).await);
        }
        let body = response.bytes().await.map_err(|error| unreachable(&error))?;
        let mut reply: Value = serde_json::from_slice(&body).map_err(|error| misunderstood(&error))?;
        let message = reply.get("message").and_then(Value::as_str).unwrap_or_default().to_owned();
        let data = reply.get_mut("data").map(Value::take).unwrap_or_default();
        Ok(Answer { data, message })
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let request = request.header(routes::GATEWAY_ID_HEADER, &self.gateway);
        let request = match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        request.send().await.map_err(|error| unreachable(&error))
    }

    fn address(&self, path: &str) -> Url {
        let mut address = self.url.clone();
        // Behind a reverse proxy the interface may be below a path.
        address.set_path(&format!("{}{path}", self.url.path().trim_end_matches('/')));
        address
    }
}

/// The gateway's own words, or the little that can be said where somebody else has answered.
async fn refusal(response: Response) -> Failure {
    let status = response.status();
    let body = match response.bytes().await {
        Ok(body) => body,
        Err(error) => return unreachable(&error),
    };
    if let Ok(error) = serde_json::from_slice::<ApiError>(&body) {
        return error.into();
    }
    if let Some(message) = message(&body) {
        return Failure::failed(message);
    }
    if matches!(status.as_u16(), 502..=504) {
        let message = format!("the gateway cannot be reached: what is before it answers HTTP {status}");
        return Failure::new(UNREACHABLE, message);
    }
    Failure::failed(format!("what answers there is no gateway of this kind: HTTP {status}"))
}

/// The sentence of a failure whose code only a newer release has.
fn message(body: &[u8]) -> Option<String> {
    let failure: Value = serde_json::from_slice(body).ok()?;
    failure.get("error")?.get("code")?;
    failure.get("message")?.as_str().map(str::to_owned)
}

fn misunderstood(error: &serde_json::Error) -> Failure {
    Failure::failed(format!("the gateway’s answer is not what this release knows: {error}"))
}

pub(crate) fn unreachable(error: &reqwest::Error) -> Failure {
    let mut causes = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        causes = format!("{causes}: {error}");
        cause = error.source();
    }
    Failure::new(UNREACHABLE, format!("the gateway cannot be reached: {causes}"))
}
