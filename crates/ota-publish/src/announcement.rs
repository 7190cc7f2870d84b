//! What a publisher says about an update: the `custom` object of its TUF target.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::waves::{self, InvalidWaves, Wave};

/// What an update is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Security,
    Feature,
    Bugfix,
    Maintenance,
}

/// How urgent an update is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Critical,
    High,
    Medium,
    Low,
}

/// The content of `custom`. Other keys may stand beside these and are kept as they are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Announcement {
    /// Names the update to clients; one in a repository.
    pub id: String,
    /// Version of the images, such as `v5.0.5`; the bundle's own.
    pub version: String,
    #[serde(rename = "type")]
    pub kind: Kind,
    pub severity: Severity,
    /// Calendar day of the release, `YYYY-MM-DD`.
    pub released: jiff::civil::Date,
    /// One sentence or a few.
    pub description: String,
    /// What changed, one sentence each.
    pub changelog: Vec<String>,
    /// Models that the update is built for; the bundle's `compatible` is one of them.
    pub compatible: Vec<String>,
    /// Kernel release of the root image.
    pub kernel: String,
    /// Rollout waves; none: it is for every gateway at once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waves: Vec<Wave>,
    /// Whatever else is there.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// A `custom` object that gateways could not use.
#[derive(Debug, thiserror::Error)]
pub enum InvalidAnnouncement {
    /// A key is missing or has a value of the wrong type.
    #[error("the custom object is not complete")]
    Shape(#[source] serde_json::Error),
    /// A text or list that must say something is empty.
    #[error("\"{key}\" must not be empty")]
    Empty { key: &'static str },
    /// No gateway would accept the waves.
    #[error("the waves make no sense")]
    Waves(#[from] InvalidWaves),
    /// The bundle says something else than the announcement.
    #[error("the bundle's {what} is {bundle}, and the custom object says {custom}")]
    Contradiction { what: &'static str, bundle: String, custom: String },
}

impl Announcement {
    /// Reads a `custom` object.
    ///
    /// # Errors
    /// [`InvalidAnnouncement`] when something is missing, of the wrong type or empty.
    pub fn parse(custom: Map<String, Value>) -> Result<Self, InvalidAnnouncement> {
        let this: Self = serde_json::from_value(Value::Object(custom)).map_err(InvalidAnnouncement::Shape)?;
        let texts = [
            ("id", &this.id),
            ("version", &this.version),
            ("description", &this.description),
            ("kernel", &this.kernel),
        ];
        if let Some((key, _)) = texts.into_iter().find(|(_, text)| text.trim().is_empty()) {
            return Err(InvalidAnnouncement::Empty { key });
        }
        if this.compatible.is_empty() {
            return Err(InvalidAnnouncement::Empty { key: "compatible" });
        }
        waves::check(&this.waves)?;
        Ok(this)
    }

    /// The `custom` object.
    ///
    /// # Errors
    /// [`InvalidAnnouncement::Waves`]. [`InvalidAnnouncement::Shape`] never happens for a value of this type.
    pub fn to_custom(&self) -> Result<Map<String, Value>, InvalidAnnouncement> {
        waves::check(&self.waves)?;
        let value = serde_json::to_value(self).map_err(InvalidAnnouncement::Shape)?;
        serde_json::from_value(value).map_err(InvalidAnnouncement::Shape)
    }

    /// Whether the bundle is the one that is announced.
    ///
    /// # Errors
    /// [`InvalidAnnouncement::Contradiction`] for another version, model or kernel.
    pub fn check(&self, bundle: &raucb::Manifest) -> Result<(), InvalidAnnouncement> {
        let contradiction = |what, bundle: &str, custom: &str| {
            Err(InvalidAnnouncement::Contradiction {
                what,
                bundle: bundle.to_owned(),
                custom: custom.to_owned(),
            })
        };
        if bundle.version != self.version {
            return contradiction("version", &bundle.version, &self.version);
        }
        if !self.compatible.contains(&bundle.compatible) {
            return contradiction("compatible", &bundle.compatible, &self.compatible.join(", "));
        }
        match bundle.meta.get("gateway-ota").and_then(|meta| meta.get("kernel")) {
            Some(kernel) if *kernel != self.kernel => contradiction("kernel", kernel, &self.kernel),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Announcement, InvalidAnnouncement, Kind, Severity};
    use serde_json::{Map, Value, json};

    fn example() -> Map<String, Value> {
        json!({
            "id": "update-001", "version": "v5.0.5", "type": "security", "severity": "critical",
            "released": "2025-03-15", "description": "Fixes.", "changelog": ["One.", "Two."],
            "compatible": ["Univa-GW-Pro"], "kernel": "6.1.34-LTS", "wave": 3
        })
        .as_object()
        .unwrap()
        .clone()
    }

    #[test]
    fn reading_and_writing_keep_everything() {
        let announcement = Announcement::parse(example()).unwrap();
        assert_eq!(announcement.kind, Kind::Security);
        assert_eq!(announcement.severity, Severity::Critical);
        assert_eq!(announcement.to_custom().unwrap(), example());
        let mut custom = example();
        custom.insert(
            "waves".to_owned(),
            json!([{ "name": "canaries", "percent": 5, "starts_at": "2025-03-15T00:00:00Z" }]),
        );
        let mut announcement = Announcement::parse(custom.clone()).unwrap();
        assert_eq!(announcement.to_custom().unwrap(), custom);
        announcement.waves.push(announcement.waves[0].clone());
        assert!(
            matches!(announcement.to_custom(), Err(InvalidAnnouncement::Waves(_))),
            "it is not written either"
        );
    }

    #[test]
    fn what_is_missing_wrong_or_empty_is_refused() {
        for key in [
            "id",
            "version",
            "type",
            "severity",
            "released",
            "description",
            "changelog",
            "compatible",
            "kernel",
        ] {
            let mut custom = example();
            custom.remove(key);
            assert!(matches!(Announcement::parse(custom), Err(InvalidAnnouncement::Shape(_))), "{key}");
        }
        for (key, value) in [
            ("type", json!("urgent")),
            ("severity", json!(1)),
            ("released", json!("soon")),
            ("changelog", json!("One.")),
            ("waves", json!([{ "percent": 300, "starts_at": "2025-03-15T00:00:00Z" }])),
            ("waves", json!([{ "percent": 10, "starts_at": "soon" }])),
        ] {
            let mut custom = example();
            custom.insert(key.to_owned(), value);
            assert!(matches!(Announcement::parse(custom), Err(InvalidAnnouncement::Shape(_))), "{key}");
        }
        let mut custom = example();
        custom.insert("waves".to_owned(), json!([{ "percent": 101, "starts_at": "2025-03-15T00:00:00Z" }]));
        assert!(matches!(Announcement::parse(custom), Err(InvalidAnnouncement::Waves(_))));
        for (key, value) in [("id", json!(" ")), ("compatible", json!([]))] {
            let mut custom = example();
            custom.insert(key.to_owned(), value);
            assert!(matches!(Announcement::parse(custom), Err(InvalidAnnouncement::Empty { .. })), "{key}");
        }
    }
}
