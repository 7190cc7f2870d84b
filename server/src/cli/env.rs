//! `env`: the boot environment as the boot loader sees it.

use super::{Failure, output};
use crate::config::Config;
use crate::wiring::{self, causes};
use ota_core::BootSelection;
use serde_json::{Map, json};

pub(super) async fn run(config: &Config, as_json: bool) -> Result<(), Failure> {
    let store = wiring::environment_store(config).map_err(Failure::failed)?;
    let read = tokio::task::spawn_blocking(move || store.read()).await.map_err(Failure::failed)?;
    let variables = read.map_err(|error| Failure::failed(causes(&error)))?;
    let [order, a, b] = ["BOOT_ORDER", "BOOT_A_LEFT", "BOOT_B_LEFT"].map(|name| variables.get(name));
    let next = BootSelection::from_variables(order, a, b).next_boot();
    if as_json {
        let variables: Map<_, _> =
            variables.iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
        return output::json(&json!({ "variables": variables, "next_boot": next }));
    }
    for (name, value) in variables.iter() {
        output::line(format!("{name}={value}"));
    }
    output::line(match next {
        Some(slot) => format!("# the next start tries slot {slot}"),
        None => "# no slot has a try left: the next start gives every slot new tries".to_owned(),
    });
    Ok(())
}
