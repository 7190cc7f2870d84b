use crate::{
    client::{Answer, Client},
    failure::Failure,
    output,
    wait::{Standing, Wait, wait_until},
};
use ota_api::{
    SlotId,
    monitor::CancelRequest,
    recovery::{RollbackRequest, RollbackStarted},
    status::{RebootRequest, Status},
};
use std::{
    cell::Cell,
    time::{Duration, Instant},
};

/// The gateway gives a restart up after 180 s.
const RESTART_LIMIT: Duration = Duration::from_secs(200);

/// Back to what the other slot holds.
pub(crate) async fn rollback(
    client: &Client,
    reason: &str,
    restart: bool,
    wait: &Wait,
) -> Result<(), Failure> {
    let status: Status = client.get("status", &[]).await?.read()?;
    let action = match status.partitions.inactive.id {
        SlotId::A => "rollback_to_a",
        SlotId::B => "rollback_to_b",
    };
    let request = RollbackRequest { action: action.to_owned(), reason: reason.to_owned() };
    let mut answer = client.post("recovery/rollback", &request).await?;
    let started: RollbackStarted = answer.read()?;
    let mut text = answer.message.clone();
    if wait.wait || (restart && started.status == "checking") {
        // The other slot is compared before it is made next.
        answer = wait_until(client, &started.job_id, wait, |job| job.armed).await?;
        text = format!("{} starts next.", started.to_version);
    }
    if restart {
        let ordered = order_reboot(client, reason).await?;
        text = ordered.message;
        if wait.wait {
            answer = wait_until(client, &started.job_id, wait, stays()).await?;
            text = outcome(&answer)?;
        }
    }
    client.show(&answer, || Ok(text))
}

/// Whether the restart that was ordered does not come: the gateway goes on answering, and nothing that it waits for is named.
fn stays() -> impl Fn(&Standing) -> bool {
    let since = Cell::new(None);
    move |job| {
        let waits = job.status == "awaiting_reboot";
        let from = since.get().filter(|_| waits).unwrap_or_else(Instant::now);
        since.set(Some(from));
        waits && from.elapsed() > RESTART_LIMIT
    }
}

fn outcome(answer: &Answer) -> Result<String, Failure> {
    let job: Standing = answer.read()?;
    let did_not_restart = || Failure::failed("the gateway did not restart; its log says why");
    job.outcome.map(|outcome| outcome.message).ok_or_else(did_not_restart)
}

pub(crate) async fn reboot(client: &Client, reason: &str) -> Result<(), Failure> {
    let answer = order_reboot(client, reason).await?;
    client.show(&answer, || Ok(answer.message.clone()))
}

async fn order_reboot(client: &Client, reason: &str) -> Result<Answer, Failure> {
    client.post("reboot", &RebootRequest { reason: reason.to_owned() }).await
}

pub(crate) async fn cancel(client: &Client, job: &str, reason: &str) -> Result<(), Failure> {
    let request = CancelRequest { job_id: job.to_owned(), reason: reason.to_owned() };
    let answer = client.post("cancel", &request).await?;
    if client.json() { output::json(&answer.data) } else { output::line(&answer.message) }
}
