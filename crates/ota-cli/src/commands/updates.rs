use crate::{client::Client, failure::Failure, output};
use ota_api::updates::{CheckRequest, Updates};
use serde::Serialize;

pub(crate) async fn updates(client: &Client) -> Result<(), Failure> {
    let answer = client.get("updates", &[]).await?;
    client.show(&answer, || answer.read().map(|updates| listed(&updates)))
}

/// Asks the repository, and lists what it offers.
pub(crate) async fn check(client: &Client) -> Result<(), Failure> {
    client.post("check-updates", &CheckRequest { force: true, background: false }).await?;
    updates(client).await
}

fn listed(updates: &Updates) -> String {
    if updates.updates.is_empty() {
        let error = updates.check.error.as_ref();
        return error.map_or_else(
            || "There are no updates.".to_owned(),
            |error| format!("There are no updates: {error}"),
        );
    }
    let rows = updates.updates.iter().map(|update| {
        let remark = match (&update.incompatible_reason, &update.last_failure) {
            (Some(reason), _) => format!("cannot be installed: {reason}"),
            (None, Some(failure)) => format!("did not stay here: {failure}"),
            (None, None) => update.description.clone(),
        };
        [
            update.version.clone(),
            update.id.clone(),
            word(&update.kind),
            word(&update.severity),
            update.size.clone(),
            remark,
        ]
    });
    output::table(&rows.collect::<Vec<_>>())
}

/// The word that the interface has for it.
fn word(value: &impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}
