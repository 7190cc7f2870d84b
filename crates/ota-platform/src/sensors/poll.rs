//! A source that answers HTTP requests with JSON.

use super::SensorsError;
use super::board::Board;
use super::rule::Rule;
use ota_engine::ports::Clock;
use reqwest::{Client, redirect};
use serde_json::Value;
use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};

/// Longer answers are not read: signals are short.
const MAX_ANSWER: usize = 64 << 10;

/// Where and how often a source is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpSourceConfig {
    /// Name that rules refer to, and that people read.
    pub name: String,
    pub url: url::Url,
    pub interval: Duration,
    /// Older readings count as unknown. An answer is not waited for any longer either.
    pub max_age: Duration,
}

/// One source and the constraints that it speaks about.
#[derive(Debug)]
pub(super) struct HttpSource {
    config: HttpSourceConfig,
    rules: Vec<Rule>,
    client: Client,
}

impl HttpSource {
    pub(super) fn new(config: HttpSourceConfig) -> Result<Self, SensorsError> {
        // A signal is read at its source alone: no detour by a proxy or a redirect.
        let client = Client::builder()
            .timeout(config.max_age)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .build()?;
        Ok(Self { config, rules: Vec::new(), client })
    }

    pub(super) fn name(&self) -> &str {
        &self.config.name
    }

    pub(super) fn add(&mut self, rule: Rule) {
        self.rules.push(rule);
    }

    pub(super) async fn run(self, board: Arc<Board>, clock: Arc<dyn Clock>) {
        let mut ticks = interval(self.config.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            // A value is as old as the question, however long the answer took.
            let at = clock.boot();
            let answer = self.ask().await;
            for rule in &self.rules {
                let judgement = match &answer {
                    Ok(answer) => rule.judge(answer),
                    Err(why) => rule.silent(why),
                };
                let at = if answer.is_ok() { at } else { clock.boot() };
                board.put(rule.constraint(), judgement, &self.config.name, at, self.config.max_age);
            }
        }
    }

    /// The answer, or why there is none.
    async fn ask(&self) -> Result<Value, String> {
        let explain = |error: reqwest::Error| explain(&error, self.config.max_age);
        let mut response = self.client.get(self.config.url.clone()).send().await.map_err(explain)?;
        if !response.status().is_success() {
            return Err(format!("HTTP {}", response.status().as_u16()));
        }
        let mut body = Vec::new();
        while let Some(part) = response.chunk().await.map_err(explain)? {
            if body.len() + part.len() > MAX_ANSWER {
                return Err("its answer is too long".to_owned());
            }
            body.extend_from_slice(&part);
        }
        serde_json::from_slice(&body).map_err(|_| "its answer is not JSON".to_owned())
    }
}

fn explain(error: &reqwest::Error, limit: Duration) -> String {
    if error.is_timeout() {
        return format!("no answer within {} s", limit.as_secs_f64());
    }
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            match error.kind() {
                io::ErrorKind::ConnectionRefused => return "connection refused".to_owned(),
                io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
                    return "it cannot be reached".to_owned();
                }
                _ => {}
            }
        }
        cause = error.source();
    }
    if error.is_connect() { "no connection".to_owned() } else { "the connection broke".to_owned() }
}
