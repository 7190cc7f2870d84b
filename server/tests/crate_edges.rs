//! The crates of the workspace depend on each other as the architecture says, and in no other way.

use cargo_metadata::{DependencyKind, MetadataCommand};
use std::collections::{BTreeMap, BTreeSet};

/// Who may use whom. Dependencies of tests are free.
const EDGES: [(&str, &[&str]); 13] = [
    ("app", &["ota-api", "ota-core", "ota-engine"]),
    ("frontend", &["app"]),
    ("gateway-ota", &["app", "ota-api", "ota-cli", "ota-core", "ota-engine", "ota-platform", "ota-store"]),
    ("ota-api", &["ota-core"]),
    ("ota-cli", &["ota-api"]),
    ("ota-core", &[]),
    ("ota-engine", &["ota-core"]),
    ("ota-platform", &["ota-core", "ota-engine", "raucb", "snapstore", "uboot-env"]),
    ("ota-publish", &["raucb"]),
    ("ota-store", &["ota-core", "ota-engine"]),
    ("raucb", &[]),
    ("snapstore", &[]),
    ("uboot-env", &[]),
];

#[test]
fn no_other_edge_exists() {
    let metadata = MetadataCommand::new().no_deps().exec().unwrap();
    let members: BTreeSet<&str> = metadata.packages.iter().map(|package| package.name.as_str()).collect();
    let allowed: BTreeMap<_, _> = EDGES.into_iter().collect();
    assert_eq!(members, allowed.keys().copied().collect(), "every crate has its line in the table");
    for package in &metadata.packages {
        for dependency in &package.dependencies {
            let ours = members.contains(dependency.name.as_str());
            if !ours || dependency.kind == DependencyKind::Development {
                continue;
            }
            let from = package.name.as_str();
            assert!(
                allowed[from].contains(&dependency.name.as_str()),
                "{from} must not use {}",
                dependency.name
            );
        }
    }
}

#[test]
fn the_domain_is_pure() {
    let metadata = MetadataCommand::new().no_deps().exec().unwrap();
    let core = metadata.packages.iter().find(|package| package.name.as_str() == "ota-core").unwrap();
    let uses: BTreeSet<_> = core
        .dependencies
        .iter()
        // What describes the types to others is asked for by others, and does nothing.
        .filter(|dependency| !(dependency.name == "utoipa" && dependency.optional))
        .filter(|dependency| dependency.kind == DependencyKind::Normal)
        .map(|dependency| dependency.name.as_str())
        .collect();
    assert_eq!(
        uses,
        BTreeSet::from(["hex", "jiff", "serde", "sha2", "thiserror"]),
        "no runtime, no device, no network"
    );
}
