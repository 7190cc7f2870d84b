//! Slots: the two places an operating system can live in.

use crate::{Bundle, ImageFacts};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// The class of the image that is the operating system itself; every bundle has it.
pub const ROOT_CLASS: &str = "rootfs";

/// One of the two slot groups. Their boot environment names are the same letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum SlotId {
    A,
    B,
}

impl SlotId {
    pub const ALL: [SlotId; 2] = [SlotId::A, SlotId::B];

    /// The slot that an update of a system running from `self` is written to.
    #[must_use]
    pub const fn other(self) -> SlotId {
        match self {
            SlotId::A => SlotId::B,
            SlotId::B => SlotId::A,
        }
    }

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            SlotId::A => "A",
            SlotId::B => "B",
        }
    }
}

impl fmt::Display for SlotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the gateway was started from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Running {
    Slot(SlotId),
    /// The recovery slot, which is tried when neither of the two has a try left.
    Recovery,
}

impl Running {
    /// The recovery slot's name in the boot environment and on the kernel's command line.
    pub const RECOVERY: &str = "R";

    /// The slot that systems are brought into: never the one that runs. The recovery system repairs B first.
    #[must_use]
    pub const fn target(self) -> SlotId {
        match self {
            Self::Slot(slot) => slot.other(),
            Self::Recovery => SlotId::B,
        }
    }

    /// The slot; none where the recovery system runs.
    #[must_use]
    pub const fn slot(self) -> Option<SlotId> {
        match self {
            Self::Slot(slot) => Some(slot),
            Self::Recovery => None,
        }
    }
}

impl fmt::Display for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.slot().map_or(Self::RECOVERY, SlotId::as_str))
    }
}

impl FromStr for Running {
    type Err = UnknownSlot;
    fn from_str(name: &str) -> Result<Self, UnknownSlot> {
        if name == Self::RECOVERY { Ok(Self::Recovery) } else { name.parse().map(Self::Slot) }
    }
}

/// A name that is neither `A` nor `B`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no slot “{0}”: slots are A and B")]
pub struct UnknownSlot(pub String);

impl FromStr for SlotId {
    type Err = UnknownSlot;
    fn from_str(name: &str) -> Result<Self, UnknownSlot> {
        match name {
            "A" => Ok(SlotId::A),
            "B" => Ok(SlotId::B),
            other => Err(UnknownSlot(other.to_owned())),
        }
    }
}

/// One value a slot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BySlot<T> {
    pub a: T,
    pub b: T,
}

impl<T> BySlot<T> {
    #[must_use]
    pub const fn get(&self, slot: SlotId) -> &T {
        match slot {
            SlotId::A => &self.a,
            SlotId::B => &self.b,
        }
    }

    pub const fn get_mut(&mut self, slot: SlotId) -> &mut T {
        match slot {
            SlotId::A => &mut self.a,
            SlotId::B => &mut self.b,
        }
    }
}

/// How a slot stands, in the words of the interface.
///
/// The active slot is healthy, trial or degraded (healthy only after the commit); the inactive one ready, writing, bad
/// or empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SlotHealth {
    Healthy,
    Trial,
    Degraded,
    Ready,
    Writing,
    Bad,
    Empty,
}

impl SlotHealth {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Trial => "trial",
            Self::Degraded => "degraded",
            Self::Ready => "ready",
            Self::Writing => "writing",
            Self::Bad => "bad",
            Self::Empty => "empty",
        }
    }
}

/// What was last written to a slot, as recorded when the read-back matched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotRecord {
    /// The signed version of the bundle.
    pub version: String,
    /// Kernel of the image, `unknown` when neither repository nor manifest names it.
    pub kernel: String,
    /// Bytes that the images of the bundle take in the slot.
    pub image_bytes: u64,
    /// SHA-256 of the root image, lower-case hexadecimal.
    pub sha256: String,
    pub installed_at: Timestamp,
    /// The signed facts of what was written. A record of an older release has none; then the root image is what is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<Bundle>,
    /// False from the first byte of a write until the read-back matched, and after a failed trial.
    pub good: bool,
}

impl SlotRecord {
    /// The record of a slot that was compared with `bundle`. `kernel`: where something other than the signed manifest names it.
    #[must_use]
    pub fn proven(bundle: &Bundle, kernel: Option<&str>, at: Timestamp) -> Self {
        let kernel = kernel.or(bundle.kernel.as_deref()).unwrap_or("unknown");
        let root = bundle.images.iter().find(|image| image.class == ROOT_CLASS).or(bundle.images.first());
        Self {
            version: bundle.version.clone(),
            kernel: kernel.to_owned(),
            image_bytes: bundle.image_bytes(),
            sha256: root.map(|image| image.sha256.clone()).unwrap_or_default(),
            installed_at: at,
            bundle: Some(bundle.clone()),
            good: true,
        }
    }

    /// What the slot holds.
    #[must_use]
    pub fn content(&self) -> Bundle {
        let root = || ImageFacts {
            class: ROOT_CLASS.to_owned(),
            size: self.image_bytes,
            sha256: self.sha256.clone(),
        };
        self.bundle.clone().unwrap_or_else(|| Bundle {
            version: self.version.clone(),
            compatible: String::new(),
            kernel: Some(self.kernel.clone()),
            signer: String::new(),
            images: vec![root()],
        })
    }
}
