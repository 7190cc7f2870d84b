//! From a target's `custom` object to a release.

use jiff::civil::Date;
use ota_core::{InvalidWaves, Release, Severity, TargetFile, UpdateKind, Wave, check_waves, version_order};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::HashSet;
use tough::TargetName;
use tough::schema::Target;

#[derive(Deserialize)]
struct Custom {
    id: String,
    version: String,
    #[serde(rename = "type")]
    kind: UpdateKind,
    severity: Severity,
    released: Date,
    description: String,
    #[serde(default)]
    changelog: Vec<String>,
    compatible: Vec<String>,
    kernel: Option<String>,
    #[serde(default)]
    waves: Vec<Wave>,
}

/// Why a target is no release.
#[derive(Debug, thiserror::Error)]
enum Unreadable {
    #[error("it has no custom object")]
    Missing,
    #[error("its custom object cannot be read: {0}")]
    Shape(#[from] serde_json::Error),
    #[error("its {0} is empty")]
    Empty(&'static str),
    #[error("its SHA-256 has not 32 bytes")]
    Hash,
    #[error("its waves make no sense: {0}")]
    Waves(#[from] InvalidWaves),
}

/// All releases of a repository, newest version first. What cannot be read is passed over and logged; so is a second target
/// with the same id, since an id names one release.
pub(super) fn releases(repository: &tough::Repository) -> Vec<Release> {
    let mut releases = Vec::new();
    for (name, target) in repository.all_targets() {
        match release(name, target) {
            Ok(release) => releases.push(release),
            Err(reason) => {
                tracing::warn!(target = name.raw(), %reason, "passed over a target of the repository")
            }
        }
    }
    releases.sort_by(newest_first);
    let mut ids = HashSet::new();
    releases.retain(|release| {
        let first = ids.insert(release.id.clone());
        if !first {
            tracing::warn!(
                target = release.target.name,
                id = release.id,
                "passed over a target whose id is taken"
            );
        }
        first
    });
    releases
}

fn newest_first(left: &Release, right: &Release) -> std::cmp::Ordering {
    version_order(&right.version, &left.version)
        .then_with(|| right.released.cmp(&left.released))
        .then_with(|| left.id.cmp(&right.id))
        .then_with(|| left.target.name.cmp(&right.target.name))
}

fn release(name: &TargetName, target: &Target) -> Result<Release, Unreadable> {
    if target.custom.is_empty() {
        return Err(Unreadable::Missing);
    }
    if target.hashes.sha256.len() != 32 {
        return Err(Unreadable::Hash);
    }
    let object: Map<String, Value> = target.custom.clone().into_iter().collect();
    let custom: Custom = serde_json::from_value(Value::Object(object))?;
    for (what, text) in [("id", &custom.id), ("version", &custom.version)] {
        if text.trim().is_empty() {
            return Err(Unreadable::Empty(what));
        }
    }
    check_waves(&custom.waves)?;
    Ok(Release {
        id: custom.id,
        version: custom.version,
        kind: custom.kind,
        severity: custom.severity,
        released: custom.released.to_string(),
        description: custom.description,
        changelog: custom.changelog,
        compatible: custom.compatible,
        kernel: custom.kernel.filter(|kernel| !kernel.trim().is_empty()),
        waves: custom.waves,
        target: TargetFile {
            name: name.resolved().to_owned(),
            length: target.length,
            sha256: hex::encode(&target.hashes.sha256),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::{Unreadable, release};
    use ota_core::{Release, Severity, UpdateKind};
    use serde_json::{Value, json};
    use tough::TargetName;
    use tough::schema::Target;

    fn read(custom: &Value) -> Result<Release, Unreadable> {
        let target: Target = serde_json::from_value(
            json!({"length": 7, "hashes": {"sha256": "ab".repeat(32)}, "custom": custom}),
        )
        .unwrap();
        release(&TargetName::new("gateway.raucb").unwrap(), &target)
    }

    fn example() -> Value {
        json!({
            "id": "update-001", "version": "v5.0.5", "type": "security", "severity": "critical",
            "released": "2025-03-15", "description": "Fixes.", "changelog": ["One."],
            "compatible": ["Univa-GW-Pro"], "kernel": "6.1.34-LTS", "wave": 3
        })
    }

    #[test]
    fn everything_is_read_and_more_is_allowed() {
        let release = read(&example()).unwrap();
        assert_eq!((release.kind, release.severity), (UpdateKind::Security, Severity::Critical));
        assert_eq!(release.released, "2025-03-15");
        assert_eq!(release.kernel.as_deref(), Some("6.1.34-LTS"));
        assert_eq!(release.target.length, 7);
        assert_eq!(release.target.sha256, "ab".repeat(32));
    }

    #[test]
    fn kernel_and_changelog_may_be_missing() {
        let mut custom = example();
        let object = custom.as_object_mut().unwrap();
        object.remove("kernel");
        object.remove("changelog");
        let release = read(&custom).unwrap();
        assert_eq!((release.kernel, release.changelog.len()), (None, 0));
    }

    #[test]
    fn waves_are_read() {
        let mut custom = example();
        custom["waves"] = json!([
            { "name": "canaries", "percent": 5, "starts_at": "2025-03-15T00:00:00Z" },
            { "percent": 100, "starts_at": "2025-03-18T00:00:00Z" }
        ]);
        let waves = read(&custom).unwrap().waves;
        assert_eq!(waves.iter().map(|wave| wave.percent).collect::<Vec<_>>(), [5, 100]);
    }

    #[test]
    fn what_makes_no_sense_is_not_a_release() {
        assert!(matches!(read(&json!({})), Err(Unreadable::Missing)));
        for (key, value) in [
            ("id", json!(" ")),
            ("version", json!("")),
            ("type", json!("urgent")),
            ("severity", json!(1)),
            ("released", json!("2025-02-30")),
            ("compatible", json!("Univa-GW-Pro")),
            ("waves", json!([{ "percent": 101, "starts_at": "2025-03-15T00:00:00Z" }])),
            ("waves", json!([{ "percent": 10, "starts_at": "soon" }])),
        ] {
            let mut custom = example();
            custom[key] = value;
            assert!(read(&custom).is_err(), "{key}");
        }
    }
}
