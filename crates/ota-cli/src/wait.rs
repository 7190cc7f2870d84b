//! Following a job to its end, over restarts of the gateway.

use crate::{
    client::{Answer, Client},
    failure::{FAILED, Failure, ROLLED_BACK, UNREACHABLE},
    output::Ticker,
};
use clap::Args;
use serde::Deserialize;
use std::time::{Duration, Instant};

/// How a job stands. No more is read than what is looked at: after the restart a newer release answers, and may have words that this one
/// does not know.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Standing {
    job_id: String,
    pub(crate) status: String,
    pub(crate) armed: bool,
    pub(crate) reboot_after: Option<bool>,
    waiting_for: Vec<String>,
    progress: Figures,
    pub(crate) update: Update,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) ended_at: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
struct Figures {
    overall_percentage: f64,
    current_operation: String,
    eta: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Update {
    pub(crate) version: String,
}

/// How it ended.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) message: String,
}

/// Time between two questions.
const PAUSE: Duration = Duration::from_secs(1);

/// Whether to wait, and how long for a gateway that is away.
#[derive(Debug, Clone, Args)]
pub struct Wait {
    /// Wait for the end: the confirmed boot, or why it did not come to that.
    #[arg(long)]
    pub(crate) wait: bool,
    /// Seconds for which the gateway may be away meanwhile.
    #[arg(long, default_value_t = 900, value_name = "SECONDS")]
    pub(crate) patience: u64,
}

/// Asks until `done` likes how the job stands, or it has ended. What is returned is the last answer.
pub(crate) async fn wait_until(
    client: &Client,
    job: &str,
    wait: &Wait,
    done: impl Fn(&Standing) -> bool,
) -> Result<Answer, Failure> {
    let mut ticker = Ticker::default();
    let last = ask_until(client, job, wait, &mut ticker, done).await;
    ticker.end();
    last
}

async fn ask_until(
    client: &Client,
    job: &str,
    wait: &Wait,
    ticker: &mut Ticker,
    done: impl Fn(&Standing) -> bool,
) -> Result<Answer, Failure> {
    let mut heard = Instant::now();
    loop {
        match client.get("progress", &[("job_id", job.to_owned())]).await {
            Ok(answer) => {
                heard = Instant::now();
                let progress: Standing = answer.read()?;
                ticker.show(&line(&progress), step(&progress));
                if progress.ended_at.is_some() {
                    return judged(&progress).map(|()| answer);
                }
                if done(&progress) {
                    return Ok(answer);
                }
            }
            Err(away) if away.status == UNREACHABLE && heard.elapsed().as_secs() < wait.patience => {
                let text = format!("{job}  the gateway is away");
                ticker.show(&text, text.clone());
            }
            Err(failure) => return Err(failure),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Of a job that has ended.
fn judged(progress: &Standing) -> Result<(), Failure> {
    let message = || match &progress.outcome {
        Some(outcome) => outcome.message.clone(),
        None => format!("{} is {}", progress.job_id, progress.status),
    };
    match progress.status.as_str() {
        "committed" | "completed" => Ok(()),
        "rolled_back" => Err(Failure::new(ROLLED_BACK, message())),
        _ => Err(Failure::new(FAILED, message())),
    }
}

fn line(progress: &Standing) -> String {
    let figures = &progress.progress;
    let left = figures.eta.as_ref().map_or_else(String::new, |eta| format!("  {eta} left"));
    format!("{}  {:.0} %{left}", step(progress), figures.overall_percentage)
}

fn step(progress: &Standing) -> String {
    let Standing { job_id, status, waiting_for, .. } = progress;
    let operation = &progress.progress.current_operation;
    let waits = if waiting_for.is_empty() { String::new() } else { format!(" ({})", waiting_for.join(", ")) };
    if operation == "none" {
        format!("{job_id}  {status}")
    } else {
        format!("{job_id}  {status}: {operation}{waits}")
    }
}

#[cfg(test)]
mod tests {
    use super::Standing;
    use serde_json::json;

    #[test]
    fn words_of_a_newer_release_are_no_reason_to_stop() {
        let standing: Standing = serde_json::from_value(json!({
            "job_id": "OTA-JOB-1001K", "status": "soaking", "kind": "newer", "armed": false, "reboot_after": null, "strategy": "newer",
            "waiting_for": [], "checks": [{ "kind": "newer", "state": "newer" }], "components": [{ "state": "newer" }],
            "progress": { "overall_percentage": 99.0, "current_operation": "soaking", "eta": null },
            "update": { "id": "update-001", "version": "v5.0.5" }, "target_partition": "C",
            "outcome": { "code": "OTA_NEWER", "message": "why" }, "ended_at": null
        }))
        .unwrap();
        assert_eq!(
            (standing.status.as_str(), standing.outcome.unwrap().message.as_str()),
            ("soaking", "why")
        );
    }
}
