//! Following a job to its end, over restarts of the gateway.

use crate::{
    client::{Answer, Client},
    failure::{FAILED, Failure, ROLLED_BACK, UNREACHABLE},
    output::Ticker,
};
use clap::Args;
use ota_api::monitor::Progress;
use std::time::{Duration, Instant};

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
    done: impl Fn(&Progress) -> bool,
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
    done: impl Fn(&Progress) -> bool,
) -> Result<Answer, Failure> {
    let mut heard = Instant::now();
    loop {
        match client.get("progress", &[("job_id", job.to_owned())]).await {
            Ok(answer) => {
                heard = Instant::now();
                let progress: Progress = answer.read()?;
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
fn judged(progress: &Progress) -> Result<(), Failure> {
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

fn line(progress: &Progress) -> String {
    let figures = &progress.progress;
    let left = figures.eta.as_ref().map_or_else(String::new, |eta| format!("  {eta} left"));
    format!("{}  {:.0} %{left}", step(progress), figures.overall_percentage)
}

fn step(progress: &Progress) -> String {
    let Progress { job_id, status, waiting_for, .. } = progress;
    let operation = &progress.progress.current_operation;
    let waits = if waiting_for.is_empty() { String::new() } else { format!(" ({})", waiting_for.join(", ")) };
    if operation == "none" {
        format!("{job_id}  {status}")
    } else {
        format!("{job_id}  {status}: {operation}{waits}")
    }
}
