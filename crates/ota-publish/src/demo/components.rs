//! The components of the demo's gateway: a crane controller's program and the link to its drives, as far as software is concerned.

use super::Layout;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Classes of their images.
pub const COMPONENTS: [&str; 2] = ["crane-app", "drive-link"];

/// Size of a place in bytes.
pub(super) const PLACE: u64 = 1 << 20;

/// Brings up what is current: the demo's component runs when the file of its name says which version does.
pub(super) const ACTIVATE: &str = r#"#!/bin/sh
# Starts what is current of a component, as `systemctl restart` would.
# GATEWAY_OTA_COMPONENT names it, GATEWAY_OTA_COMPONENT_CURRENT is the link to its current place.
set -eu
running="$(dirname "$0")/../run/components"
mkdir -p "$running"
if [ ! -e "$GATEWAY_OTA_COMPONENT_CURRENT" ]; then
    rm -f "$running/$GATEWAY_OTA_COMPONENT"
    exit 0
fi
version=$(sed -n 's/^version=//p;/^$/q' "$GATEWAY_OTA_COMPONENT_CURRENT")
printf '%s\n' "$version" > "$running/$GATEWAY_OTA_COMPONENT.new"
mv "$running/$GATEWAY_OTA_COMPONENT.new" "$running/$GATEWAY_OTA_COMPONENT"
echo "$GATEWAY_OTA_COMPONENT $version is started"
"#;

/// Asks a component how it is.
pub(super) const CHECK: &str = r#"#!/bin/sh
# Succeeds when the started component is the current one and says that it is well.
set -u
current="$GATEWAY_OTA_COMPONENT_CURRENT"
started=$(cat "$(dirname "$0")/../run/components/$GATEWAY_OTA_COMPONENT" 2>/dev/null)
version=$(sed -n 's/^version=//p;/^$/q' "$current")
if [ -z "$version" ] || [ "$started" != "$version" ]; then
    echo "$GATEWAY_OTA_COMPONENT: ${started:-nothing} is started, and ${version:-nothing} is current" >&2
    exit 1
fi
if [ "$(sed -n 's/^health=//p;/^$/q' "$current")" != ok ]; then
    echo "$GATEWAY_OTA_COMPONENT $version says that it is not well" >&2
    exit 1
fi
"#;

/// An image of a component: a header of lines, a blank line, and as many bytes as a small program has. One that is not `well` fails the
/// check after its activation.
#[must_use]
pub fn component_image(name: &str, version: &str, well: bool) -> Vec<u8> {
    let health = if well { "ok" } else { "bad" };
    let mut image = format!("component={name}\nversion={version}\nhealth={health}\n\n").into_bytes();
    let line = format!("{name} {version}: drive frames are answered within 20 ms\n");
    image.extend(line.bytes().cycle().take(64 << 10));
    image
}

/// `[components.NAME]` of the gateway's configuration.
#[derive(Serialize)]
pub(super) struct Component {
    a: PathBuf,
    b: PathBuf,
    activate: [PathBuf; 1],
    timeout_seconds: u32,
    check: [Check; 1],
}

#[derive(Serialize)]
struct Check {
    name: &'static str,
    command: [PathBuf; 1],
    deadline_seconds: u32,
    timeout_seconds: u32,
}

/// The file in the place of one of a component's partitions.
pub(super) fn place(layout: &Layout, name: &str, place: &str) -> PathBuf {
    layout.at("slots").join(name).join(format!("{place}.img"))
}

pub(super) fn configured(layout: &Layout) -> BTreeMap<&'static str, Component> {
    let component = |name| Component {
        a: place(layout, name, "a"),
        b: place(layout, name, "b"),
        activate: [layout.at("bin/activate-component")],
        timeout_seconds: 10,
        check: [Check {
            name: "self-test",
            command: [layout.at("bin/check-component")],
            deadline_seconds: 4,
            timeout_seconds: 3,
        }],
    };
    COMPONENTS.map(|name| (name, component(name))).into()
}
