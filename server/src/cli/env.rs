//! `env`: the boot environment as the boot loader sees it.

use super::{Failure, output};
use crate::config::Config;
use crate::wiring;
use ota_core::{BootSelection, Running};
use serde_json::{Map, json};

pub(super) async fn run(config: &Config, as_json: bool) -> Result<(), Failure> {
    let places = wiring::environment(config);
    let read = tokio::task::spawn_blocking(move || ota_platform::boot_variables(&places)).await;
    let variables = read.map_err(Failure::failed)?.map_err(Failure::failed)?;
    let value = |name: &str| variables.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let [order, a, b, r] = ["BOOT_ORDER", "BOOT_A_LEFT", "BOOT_B_LEFT", "BOOT_R_LEFT"].map(value);
    let boot = BootSelection::from_variables(order, a, b).with_recovery(order, r);
    let next = boot.next_boot().map(Running::Slot);
    let next = next.or_else(|| boot.recovery.filter(|left| *left > 0).map(|_| Running::Recovery));
    if as_json {
        let variables: Map<_, _> =
            variables.iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
        return output::json(
            &json!({ "variables": variables, "next_boot": next.map(|slot| slot.to_string()) }),
        );
    }
    for (name, value) in &variables {
        output::line(format!("{name}={value}"));
    }
    output::line(match next {
        Some(slot) => format!("# the next start tries slot {slot}"),
        None => "# no slot has a try left: the next start gives every slot new tries".to_owned(),
    });
    Ok(())
}
