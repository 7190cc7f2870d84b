//! `provision`: the factory's bundles go into the slots.

use super::{Failure, output};
use crate::config::Config;
use crate::provision::{Done, Order, ProvisionError, provision};
use ota_core::SlotId;
use std::path::PathBuf;

/// Reads `A=FILE`.
pub(super) fn assignment(text: &str) -> Result<(SlotId, PathBuf), String> {
    let (slot, path) = text.split_once('=').ok_or("expected SLOT=BUNDLE, such as A=v1.raucb")?;
    let slot = slot.parse::<SlotId>().map_err(|error| error.to_string())?;
    if path.is_empty() { Err("the bundle’s file is missing".to_owned()) } else { Ok((slot, path.into())) }
}

pub(super) async fn run(
    config: &Config,
    slots: Vec<(SlotId, PathBuf)>,
    active: SlotId,
    slot_size: u64,
) -> Result<(), Failure> {
    let count = slots.len();
    let order = Order { bundles: slots.into_iter().collect(), active, slot_size };
    if order.bundles.len() != count {
        return Err(Failure::usage("a slot was named twice"));
    }
    let done = provision(config, &order, &super::operator()).await.map_err(|error| match error {
        ProvisionError::NoActiveBundle(_) => Failure::usage(error),
        error => Failure::failed(error),
    })?;
    for step in &done {
        output::line(sentence(step));
    }
    output::line(if done.is_empty() {
        "This gateway was provisioned before; nothing was changed."
    } else {
        "This gateway is provisioned."
    });
    Ok(())
}

fn sentence(done: &Done) -> String {
    match done {
        Done::SlotFile { slot, path, size } => {
            format!("Slot {slot}: made {} of {} MiB.", path.display(), size >> 20)
        }
        Done::Written { slot, version } => format!("Slot {slot}: wrote {version} and read it back."),
        Done::Component { name, version } => format!("Component {name}: wrote {version} and read it back."),
        Done::Recorded { slot, version } => format!("Slot {slot}: holds {version} already."),
        Done::Environment { order } => format!("Boot environment: slots are tried in the order {order}."),
        Done::PoweredOn { slot } => format!("The modelled hardware was switched on and started slot {slot}."),
    }
}
