//! Releases as the repository lists them.

use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

use crate::Wave;

/// What an update is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum UpdateKind {
    Security,
    Feature,
    Bugfix,
    Maintenance,
}

impl UpdateKind {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Security => "security",
            Self::Feature => "feature",
            Self::Bugfix => "bugfix",
            Self::Maintenance => "maintenance",
        }
    }
}

/// How urgent an update is, most urgent first in the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Critical,
    High,
    Medium,
    Low,
}

impl Severity {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }
}

/// The signed description of a file in the repository: nothing else may be downloaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetFile {
    /// TUF target name.
    pub name: String,
    /// Length in bytes, from signed metadata.
    pub length: u64,
    /// SHA-256, lower-case hexadecimal, from signed metadata.
    pub sha256: String,
}

/// A release that the repository offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    pub id: String,
    pub version: String,
    pub kind: UpdateKind,
    pub severity: Severity,
    /// Calendar day, `YYYY-MM-DD`.
    pub released: String,
    pub description: String,
    pub changelog: Vec<String>,
    /// Models that it is built for.
    pub compatible: Vec<String>,
    /// Kernel of its root image, where the publisher says so.
    pub kernel: Option<String>,
    /// Rollout waves; none: it is for everybody at once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waves: Vec<Wave>,
    pub target: TargetFile,
}

/// Why a release cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRelease {
    #[error("it is built for {offered}, and this gateway is a {model}")]
    Incompatible { offered: String, model: String },
    #[error(transparent)]
    BelowFloor(#[from] BelowFloor),
}

/// A version that this gateway may not run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{version} is older than {floor}, the oldest version that this gateway may run")]
pub struct BelowFloor {
    pub version: String,
    pub floor: String,
}

impl Release {
    /// Whether a gateway of this `model` may install it.
    #[must_use]
    pub fn fits(&self, model: &str) -> bool {
        self.compatible.iter().any(|name| name == model)
    }

    /// Checks model and version floor.
    ///
    /// # Errors
    /// [`InvalidRelease`] says which of the two forbids it.
    pub fn check(&self, model: &str, floor: Option<&str>) -> Result<(), InvalidRelease> {
        if !self.fits(model) {
            return Err(InvalidRelease::Incompatible {
                offered: self.compatible.join(", "),
                model: model.to_owned(),
            });
        }
        Ok(check_floor(&self.version, floor)?)
    }
}

/// Checks a version against the oldest one that may run, where there is one: a signature alone does not keep old faults out.
///
/// # Errors
/// [`BelowFloor`].
pub fn check_floor(version: &str, floor: Option<&str>) -> Result<(), BelowFloor> {
    match floor {
        Some(floor) if version_order(version, floor) == Ordering::Less => {
            Err(BelowFloor { version: version.to_owned(), floor: floor.to_owned() })
        }
        _ => Ok(()),
    }
}

/// Orders versions as people read them: `v` is passed over, runs of digits compare as numbers, and a pre-release
/// (`-rc1`) comes before its release.
#[must_use]
pub fn version_order(left: &str, right: &str) -> Ordering {
    let split = |text: &str| {
        let text = text.trim_start_matches(['v', 'V']);
        let text = text.split('+').next().unwrap_or_default();
        let (core, pre) = text.split_once('-').map_or((text, None), |(core, pre)| (core, Some(pre)));
        (pieces(core), pre.map(pieces))
    };
    let ((left_core, left_pre), (right_core, right_pre)) = (split(left), split(right));
    left_core.cmp(&right_core).then_with(|| match (left_pre, right_pre) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(left), Some(right)) => left.cmp(&right),
    })
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Piece {
    Number(u128),
    Word(String),
}

fn pieces(text: &str) -> Vec<Piece> {
    text.split(['.', '_', '-'])
        .map(|part| part.parse().map_or_else(|_| Piece::Word(part.to_owned()), Piece::Number))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number() {
        for (older, newer) in
            [("v5.0.9", "v5.0.10"), ("v5.0.4", "5.1.0"), ("v5.1.0-rc1", "v5.1.0"), ("v4", "v5.0")]
        {
            assert_eq!(version_order(older, newer), Ordering::Less, "{older} {newer}");
            assert_eq!(version_order(newer, older), Ordering::Greater, "{newer} {older}");
        }
        assert_eq!(version_order("v5.0.4", "5.0.4+build7"), Ordering::Equal);
    }
}
