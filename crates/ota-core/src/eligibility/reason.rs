//! What keeps the gateway from acting by itself.

use jiff::Timestamp;
use std::{fmt, time::Duration};

use crate::{InvalidRelease, UpdateKind};

/// One reason why the gateway does not take an update, or restart into it, by itself. A person may all the same, where the
/// release fits and the machine allows it. [`Self::as_str`] is the word for programs, `Display` the sentence for people: both
/// are the same wherever a reason is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// No maintenance window that would do is open.
    Window { why: WindowHold, next: Option<Timestamp> },
    /// The rollout has not come to this gateway. None: it is in no wave yet.
    Wave { starts_at: Option<Timestamp> },
    /// The release has not been out for long enough. None: nobody knows since when it is.
    Soak { until: Option<Timestamp> },
    /// An interlock or another operation stands against it; its own sentence.
    Gate(String),
    /// The release is older than what this gateway may run, or not built for it.
    Unfit(InvalidRelease),
    /// There is no room for it; its own sentence.
    Space(String),
    /// The settings leave it to a person.
    Policy(PolicyHold),
    /// The version was tried here and did not stay; what came of it.
    FailedBefore(String),
}

/// What about the maintenance window is in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowHold {
    /// The settings have none.
    NotSet,
    Closed,
    /// What is to be done in this window has been begun already.
    Used,
    /// The window is open, and over before the update would be done.
    EndsTooSoon {
        needed: Duration,
    },
    /// No window is as long as the update needs.
    TooShort {
        needed: Duration,
    },
}

/// What the settings do not let the gateway do by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PolicyHold {
    /// Nothing is installed or restarted by itself.
    Off,
    /// Security releases only, and this one is something else.
    SecurityOnly(UpdateKind),
    /// It is no newer than what runs: the gateway goes back for people only.
    NotNewer {
        running: String,
    },
    /// Not with the strategy that is set; a sentence.
    Strategy(String),
    DownloadByPerson,
    RestartByPerson,
}

impl Reason {
    /// The word of the interface.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Window { .. } => "window",
            Self::Wave { .. } => "wave",
            Self::Soak { .. } => "soak",
            Self::Gate(_) => "gate",
            Self::Unfit(InvalidRelease::BelowFloor(_)) => "version_floor",
            Self::Unfit(InvalidRelease::Incompatible { .. }) => "compatible",
            Self::Space(_) => "space",
            Self::Policy(_) => "policy",
            Self::FailedBefore(_) => "failed_before",
        }
    }

    /// True where neither time nor a machine that comes to rest takes the reason away: somebody has to change something.
    #[must_use]
    pub const fn is_lasting(&self) -> bool {
        match self {
            Self::Window { next, .. } => next.is_none(),
            Self::Wave { starts_at: at } | Self::Soak { until: at } => at.is_none(),
            Self::Gate(_) => false,
            Self::Unfit(_) | Self::Space(_) | Self::Policy(_) | Self::FailedBefore(_) => true,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Window { why, next } => {
                write!(f, "{why}")?;
                next.map_or(Ok(()), |next| write!(f, " The next one opens at {}.", moment(next)))
            }
            Self::Wave { starts_at: Some(at) } => {
                write!(f, "The rollout comes to this gateway at {}.", moment(*at))
            }
            Self::Wave { starts_at: None } => f.write_str("The rollout does not reach this gateway yet."),
            Self::Soak { until: Some(until) } => {
                write!(f, "The release has not been out for long enough: it has at {}.", moment(*until))
            }
            Self::Soak { until: None } => f.write_str("Nobody knows how long the release has been out."),
            Self::Gate(sentence) | Self::Space(sentence) => f.write_str(sentence),
            Self::Unfit(InvalidRelease::Incompatible { offered, model }) => {
                write!(f, "The release is built for {offered}, and this gateway is a {model}.")
            }
            Self::Unfit(InvalidRelease::BelowFloor(below)) => write!(f, "Version {below}."),
            Self::Policy(hold) => hold.fmt(f),
            Self::FailedBefore(outcome) => {
                write!(f, "This version was tried here before and is not tried again by itself: {outcome}")
            }
        }
    }
}

impl fmt::Display for WindowHold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSet => f.write_str("No maintenance window is set."),
            Self::Closed => f.write_str("The maintenance window is closed."),
            Self::Used => f.write_str("This maintenance window has been used."),
            Self::EndsTooSoon { needed } => {
                write!(f, "It takes about {} min, and the maintenance window ends before.", minutes(*needed))
            }
            Self::TooShort { needed } => {
                write!(f, "It takes about {} min, and no maintenance window is that long.", minutes(*needed))
            }
        }
    }
}

impl fmt::Display for PolicyHold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("Automatic updates are off."),
            Self::SecurityOnly(kind) => {
                write!(f, "Only security updates are automatic, and this is a {} update.", kind.as_str())
            }
            Self::NotNewer { running } => write!(f, "It is not newer than {running}, which runs."),
            Self::Strategy(sentence) => f.write_str(sentence),
            Self::DownloadByPerson => f.write_str("Downloads are left to a person."),
            Self::RestartByPerson => f.write_str("The restart is left to a person."),
        }
    }
}

/// As people read it; in UTC, as everything in the log.
fn moment(at: Timestamp) -> impl fmt::Display {
    at.strftime("%Y-%m-%d %H:%M UTC")
}

/// Whole minutes, rounded up: nobody is promised less than it takes.
const fn minutes(time: Duration) -> u64 {
    time.as_secs().div_ceil(60)
}
