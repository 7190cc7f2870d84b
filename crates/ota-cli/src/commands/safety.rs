use crate::{client::Client, failure::Failure, output};
use ota_api::safety::Constraint;
use serde::Deserialize;
use std::collections::BTreeMap;

/// What is shown of `GET safety`, whatever constraints a newer release has.
#[derive(Deserialize)]
struct Shown {
    constraints: BTreeMap<String, Constraint>,
    force_override: bool,
    update_allowed: bool,
}

pub(crate) async fn safety(client: &Client) -> Result<(), Failure> {
    let answer = client.get("safety", &[]).await?;
    client.show(&answer, || answer.read().map(|shown| text(&shown)))
}

fn text(shown: &Shown) -> String {
    let rows = shown.constraints.iter().map(|(name, constraint)| {
        let effect = match constraint {
            Constraint { enabled: false, .. } => "off",
            Constraint { overridden: true, .. } => "overridden",
            Constraint { blocking: true, .. } => "blocks",
            _ => "clear",
        };
        [name.clone(), effect.to_owned(), constraint.status.clone(), constraint.reason.clone()]
    });
    let allowed =
        if shown.update_allowed { "An update may be started." } else { "No update may be started." };
    let forced = if shown.force_override { " An override is in force." } else { "" };
    format!("{}\n{allowed}{forced}", output::table(&rows.collect::<Vec<_>>()))
}
