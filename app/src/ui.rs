//! Small pieces that sections are made of.

mod button;
mod danger;
mod dialog;
mod messages;
mod override_banner;
mod pieces;
mod strip;

pub use button::{ActionButton, STARTING_ID, Why};
pub use danger::DangerDialog;
pub use dialog::ConfirmDialog;
pub use messages::{Announcer, Messages};
pub use override_banner::OverrideBanner;
pub use pieces::{
    Fact, Flag, Press, Section, StateWord, TableHead, Text, Word, flag, happened, press, text, ticked, typed,
    word,
};
pub use strip::Strip;

/// What a state means for the reader. Colour and shape follow it; the word beside it says the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Tone {
    #[default]
    Neutral,
    Good,
    Busy,
    Warn,
    Bad,
}

impl Tone {
    /// For the attribute `data-tone`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Neutral => "neutral",
            Self::Good => "good",
            Self::Busy => "busy",
            Self::Warn => "warn",
            Self::Bad => "bad",
        }
    }
}
