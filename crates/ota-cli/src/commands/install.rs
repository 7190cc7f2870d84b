use crate::{
    client::Client,
    failure::Failure,
    wait::{Standing, Wait, wait_until},
};
use ota_api::{
    Strategy,
    updates::{DownloadRequest, DownloadStarted, Update, Updates},
};
use serde_json::Value;

/// What is to be installed, and how.
pub(crate) struct Order {
    pub(crate) version: String,
    pub(crate) restart: bool,
    pub(crate) snapshot: bool,
    pub(crate) strategy: Option<Strategy>,
}

/// A strategy by the name that the interface has for it.
pub(crate) fn strategy(name: &str) -> Result<Strategy, String> {
    serde_json::from_value(Value::from(name))
        .map_err(|_| "strategies are seamless, in_place and rolling".to_owned())
}

pub(crate) async fn install(client: &Client, order: Order, wait: &Wait) -> Result<(), Failure> {
    let offered: Updates = client.get("updates", &[]).await?.read()?;
    let update = find(&offered, &order.version)?;
    let request = DownloadRequest {
        update_id: update.id.clone(),
        version: Some(update.version.clone()),
        target_partition: None,
        background: false,
        verify_signature: true,
        install_after: true,
        reboot_after: order.restart,
        create_snapshot: order.snapshot,
        strategy: order.strategy,
    };
    let answer = client.post("download", &request).await?;
    let started: DownloadStarted = answer.read()?;
    if !wait.wait {
        let text = format!("{}: {} into slot {}", started.job_id, update.version, started.target_partition);
        return client.show(&answer, || Ok(text));
    }
    let rests =
        |job: &Standing| job.armed && job.status == "awaiting_reboot" && job.reboot_after == Some(false);
    let last = wait_until(client, &started.job_id, wait, rests).await?;
    let job: Standing = last.read()?;
    if order.restart && job.ended_at.is_none() {
        return Err(Failure::failed(format!("the gateway did not restart. {}", end(&job))));
    }
    client.show(&last, || last.read().map(|job| end(&job)))
}

/// By version, with or without its `v`, or by id.
fn find<'a>(offered: &'a Updates, wanted: &str) -> Result<&'a Update, Failure> {
    let bare = |version: &str| version.trim_start_matches('v').to_owned();
    let found =
        offered.updates.iter().find(|update| update.id == wanted || bare(&update.version) == bare(wanted));
    found.ok_or_else(|| {
        let versions: Vec<_> = offered.updates.iter().map(|update| update.version.as_str()).collect();
        let offer = if versions.is_empty() { "nothing".to_owned() } else { versions.join(", ") };
        Failure::failed(format!("there is no update {wanted}; what is offered: {offer}"))
    })
}

fn end(job: &Standing) -> String {
    match &job.outcome {
        Some(outcome) => outcome.message.clone(),
        None => format!("{} is installed; it starts with the next restart.", job.update.version),
    }
}
