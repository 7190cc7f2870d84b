//! Sending an image to the gateway, with how far it is.

#[cfg(feature = "hydrate")]
mod browser;
#[cfg(feature = "hydrate")]
mod exchange;
#[cfg(feature = "hydrate")]
mod memory;
#[cfg(any(test, feature = "hydrate"))]
mod steps;

use super::Live;
use crate::{strings::upload as t, ui::Tone};

/// An upload of this page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Upload {
    /// Name of the chosen file; empty where none is chosen.
    pub file: String,
    /// It becomes the recovery image.
    pub recovery: bool,
    /// The version that was typed.
    pub label: String,
    pub running: bool,
    /// Bytes that were sent and that there are.
    pub sent: u64,
    pub total: u64,
    /// Bytes that were there when this part of it began.
    pub begun: u64,
    /// Milliseconds since then.
    pub elapsed: u64,
    /// That the connection is lost, and when it goes on; empty while it goes on.
    pub lost: String,
    pub ending: Ending,
}

/// What is to be said about the end of the last one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Ending {
    #[default]
    Nothing,
    /// Somebody cancelled it, and the gateway has not said yet that nothing was kept.
    Cancelling,
    Cancelled,
    /// Why it did not come to its end.
    Failed(String),
}

impl Ending {
    /// Empty where there is nothing to say.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Nothing => "",
            Self::Cancelling => t::CANCELLING,
            Self::Cancelled => t::CANCELLED,
            Self::Failed(why) => why,
        }
    }

    /// What somebody wanted is no fault.
    #[must_use]
    pub const fn tone(&self) -> Tone {
        match self {
            Self::Nothing | Self::Cancelling | Self::Cancelled => Tone::Neutral,
            Self::Failed(_) => Tone::Bad,
        }
    }
}

impl Upload {
    /// All of it is there, and the gateway looks at it.
    #[must_use]
    pub const fn is_verified_now(&self) -> bool {
        self.running && self.total > 0 && self.sent >= self.total
    }

    /// Bytes a second so far; 0 before there is anything to tell.
    #[must_use]
    pub fn speed(&self) -> u64 {
        let came = self.sent.saturating_sub(self.begun);
        came.saturating_mul(1000).checked_div(self.elapsed).unwrap_or(0)
    }

    /// Whole percents that are there.
    #[must_use]
    pub fn percent(&self) -> u64 {
        self.sent.saturating_mul(100).checked_div(self.total).unwrap_or(0).min(100)
    }
}

/// Takes note of the file that was chosen, and for what.
pub fn choose_file(live: Live, recovery: bool, name: String) {
    live.upload.update(|upload| {
        upload.recovery = recovery;
        upload.file = name.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
        upload.ending = Ending::Nothing;
    });
}

#[cfg(feature = "hydrate")]
pub use browser::{cancel_upload, discard_upload, start_upload};

/// Only the browser sends files.
#[cfg(not(feature = "hydrate"))]
pub const fn start_upload(_: Live) {}

/// Only the browser sends files.
#[cfg(not(feature = "hydrate"))]
pub const fn cancel_upload(_: Live) {}

/// Only the browser sends files.
#[cfg(not(feature = "hydrate"))]
pub fn discard_upload(_: Live, _: String) {}

#[cfg(test)]
mod tests {
    use super::Upload;

    #[test]
    fn the_speed_is_that_of_the_part_that_is_sent() {
        let upload = Upload { sent: 3_000_000, elapsed: 1_500, total: 4_000_000, ..Upload::default() };
        assert_eq!((upload.speed(), upload.percent()), (2_000_000, 75));
        let resumed = Upload { begun: 1_500_000, ..upload };
        assert_eq!(resumed.speed(), 1_000_000);
        assert_eq!(Upload::default().speed(), 0, "nothing was sent yet");
    }
}
