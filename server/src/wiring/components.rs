//! From the configuration to the components.

use super::{WiringError, health};
use crate::config::{Component, Config};
use ota_platform::{ComponentConfig, ComponentsConfig, DeviceComponents, Policy};
use std::path::Path;
use std::time::Duration;

/// The components of this gateway; none where none are configured.
///
/// # Errors
/// When a check of one cannot be made.
pub fn components(config: &Config, policy: Policy) -> Result<DeviceComponents, WiringError> {
    let directory = config.data_dir.join("components");
    let made = config.components.iter().map(|(name, component)| one(config, &directory, name, component));
    let slots = [&config.slots.a, &config.slots.b].into_iter().chain(&config.slots.r);
    Ok(DeviceComponents::new(ComponentsConfig {
        components: made.collect::<Result<_, _>>()?,
        others: slots.map(|slot| slot.rootfs.clone()).collect(),
        directory,
        policy,
    }))
}

fn one(
    config: &Config,
    directory: &Path,
    name: &str,
    component: &Component,
) -> Result<ComponentConfig, WiringError> {
    let environment = DeviceComponents::environment(directory, name);
    let checks = component.check.iter().map(|check| health::site_check(config, check, &environment));
    Ok(ComponentConfig {
        name: name.to_owned(),
        a: component.a.clone(),
        b: component.b.clone(),
        activate: component.activate.clone(),
        timeout: Duration::from_secs(component.timeout_seconds),
        checks: checks.collect::<Result<_, _>>()?,
    })
}
