//! The files from which the gateway of the demo is configured.

use super::Layout;
use super::components::{self, Component};
use super::field::{ACS_TOPIC, CRANE_TOPIC, Field, UPS};
use crate::release::MODEL;
use serde::Serialize;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Looks into the image of the slot that was booted, as a site's own check would look at its services.
pub(super) const HEALTH_CHECK: &str = r#"#!/bin/sh
# Succeeds only when the image in the booted slot says that it is healthy.
# GATEWAY_OTA_SLOT_DEVICE names the slot: a file or a block device with an ext4 file system.
set -u
PATH="$PATH:/usr/sbin:/sbin"

if [ -z "${GATEWAY_OTA_SLOT_DEVICE:-}" ]; then
    echo "GATEWAY_OTA_SLOT_DEVICE is not set" >&2
    exit 2
fi
said=$(debugfs -R "cat /etc/gateway-ota/health" "$GATEWAY_OTA_SLOT_DEVICE" 2>/dev/null)
if [ "$said" = "ok" ]; then
    exit 0
fi
echo "/etc/gateway-ota/health in $GATEWAY_OTA_SLOT_DEVICE does not say ok" >&2
exit 1
"#;

/// Two copies of the boot environment in one file, 16 KiB each, at 0 and at 64 KiB.
pub(super) fn fw_env(layout: &Layout) -> String {
    let file = layout.at("uboot.env");
    let file = file.display();
    format!("# Device        Offset   Size\n{file} 0x0 0x4000\n{file} 0x10000 0x4000\n")
}

#[derive(Serialize)]
struct Config {
    data_dir: PathBuf,
    gateway: Gateway,
    server: Listen,
    slots: BTreeMap<&'static str, Slot>,
    boot: Boot,
    trust: Trust,
    repository: Repository,
    health: Health,
    components: BTreeMap<&'static str, Component>,
    safety: Safety,
}

#[derive(Serialize)]
struct Gateway {
    id: &'static str,
    model: &'static str,
    bootloader: &'static str,
    time_zone: &'static str,
    notice: &'static str,
}

#[derive(Serialize)]
struct Listen {
    listen: SocketAddr,
    console: &'static str,
}

#[derive(Serialize)]
struct Slot {
    rootfs: PathBuf,
}

#[derive(Serialize)]
struct Boot {
    environment: PathBuf,
    flag_scheme: &'static str,
    cmdline: PathBuf,
    boot_id: PathBuf,
    rollback_retries: u32,
    reboot: &'static str,
}

#[derive(Serialize)]
struct Trust {
    keyring: PathBuf,
    purpose: &'static str,
    allow_hooks: bool,
}

#[derive(Serialize)]
struct Repository {
    metadata_url: String,
    targets_url: String,
    root: PathBuf,
    check_interval_hours: u32,
}

#[derive(Serialize)]
struct Health {
    deadline_seconds: u32,
    check: [Check; 1],
}

#[derive(Serialize)]
struct Check {
    name: &'static str,
    command: [PathBuf; 1],
    required: bool,
    timeout_seconds: u32,
}

#[derive(Serialize)]
struct Safety {
    clear_for_seconds: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    http: Vec<Document>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    mqtt: Vec<Broker>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    nut: Vec<Supply>,
    crane_motion: State,
    acs_collision: State,
    ups_battery: Level,
    network: Switch,
    system_load: Load,
}

#[derive(Serialize)]
struct Document {
    name: &'static str,
    url: String,
    interval_ms: u32,
    max_age_seconds: u32,
}

#[derive(Serialize)]
struct Broker {
    name: &'static str,
    broker: String,
    max_age_seconds: u32,
}

#[derive(Serialize)]
struct Supply {
    name: &'static str,
    address: String,
    ups: &'static str,
    interval_ms: u32,
    max_age_seconds: u32,
}

#[derive(Serialize)]
struct State {
    source: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    topic: Option<&'static str>,
    pointer: &'static str,
    clear_values: [&'static str; 1],
}

#[derive(Serialize)]
struct Level {
    source: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pointer: Option<&'static str>,
    minimum: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    online_pointer: Option<&'static str>,
}

#[derive(Serialize)]
struct Switch {
    enabled: bool,
}

#[derive(Serialize)]
struct Load {
    enabled: bool,
    maximum_per_core: f64,
    maximum_pressure: f64,
}

/// The gateway's `config.toml`; `here` is where repository and plant are served, `gateway` where it is to listen.
pub(super) fn gateway(
    layout: &Layout,
    field: &Field,
    here: SocketAddr,
    gateway: SocketAddr,
) -> Result<String, toml::ser::Error> {
    let slot = |name: &str| Slot { rootfs: layout.slot(name) };
    let config = Config {
        data_dir: layout.root.clone(),
        gateway: Gateway {
            id: "GW-3920A9",
            model: MODEL,
            bootloader: "U-Boot 2024.01",
            time_zone: "UTC",
            notice: "Demo: slots, boot and plant are simulated on this machine.",
        },
        server: Listen { listen: gateway, console: "-" },
        slots: BTreeMap::from(["A", "B", "R"].map(|name| (name, slot(name)))),
        boot: Boot {
            environment: layout.at("fw_env.config"),
            flag_scheme: "counter",
            cmdline: layout.at("run/cmdline"),
            boot_id: layout.at("run/boot_id"),
            rollback_retries: 3,
            reboot: "model",
        },
        trust: Trust { keyring: layout.at("trust/keyring.pem"), purpose: "smime-sign", allow_hooks: false },
        repository: Repository {
            metadata_url: format!("http://{here}/repository/metadata/"),
            targets_url: format!("http://{here}/repository/targets/"),
            root: layout.at("trust/root.json"),
            check_interval_hours: 8,
        },
        health: health(layout),
        components: components::configured(layout),
        safety: safety(field, here),
    };
    let text = toml::to_string(&config)?;
    Ok(format!("# Written by `ota-publish demo` at every start; changes are lost.\n{text}"))
}

fn health(layout: &Layout) -> Health {
    Health {
        deadline_seconds: 15,
        check: [Check {
            name: "slot self-test",
            command: [layout.at("bin/health-check")],
            required: true,
            timeout_seconds: 10,
        }],
    }
}

/// The crane over MQTT and the UPS over NUT where the field has them, both over HTTP where it has not.
fn safety(field: &Field, here: SocketAddr) -> Safety {
    let document = || Document {
        name: "plant",
        url: format!("http://{here}/signals"),
        interval_ms: 500,
        max_age_seconds: 5,
    };
    let broker =
        |port| Broker { name: "plant-broker", broker: format!("127.0.0.1:{port}"), max_age_seconds: 5 };
    let supply = |port| Supply {
        name: "plant-ups",
        address: format!("127.0.0.1:{port}"),
        ups: UPS,
        interval_ms: 500,
        max_age_seconds: 5,
    };
    let over_mqtt = field.broker().is_some();
    let state = |topic, pointer, path, clear| State {
        source: if over_mqtt { "plant-broker" } else { "plant" },
        topic: over_mqtt.then_some(topic),
        pointer: if over_mqtt { pointer } else { path },
        clear_values: [clear],
    };
    let over_nut = field.ups().is_some();
    Safety {
        clear_for_seconds: 30,
        http: if over_mqtt && over_nut { Vec::new() } else { vec![document()] },
        mqtt: field.broker().map(broker).into_iter().collect(),
        nut: field.ups().map(supply).into_iter().collect(),
        crane_motion: state(CRANE_TOPIC, "/motion", "/crane_motion", "idle"),
        acs_collision: state(ACS_TOPIC, "", "/acs_collision", "clear"),
        ups_battery: Level {
            source: if over_nut { "plant-ups" } else { "plant" },
            pointer: (!over_nut).then_some("/ups_battery"),
            minimum: 30.0,
            online_pointer: (!over_nut).then_some("/ups_online"),
        },
        network: Switch { enabled: true },
        // The demo's gateway shares its machine with browsers and compilers.
        system_load: Load { enabled: true, maximum_per_core: 16.0, maximum_pressure: 100.0 },
    }
}
