//! Job numbers that a person can read out over a radio.

use crate::JobKind;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

const UPDATE: &str = "OTA-JOB-";
const DEPLOY: &str = "MANUAL-DEPLOY-";
const RESTORE: &str = "RESTORE-";
const ROLLBACK: &str = "ROLLBACK-";
const SNAPSHOT: &str = "snap-";
const RESET: &str = "RESET-";
const PREFIXES: [&str; 6] = [UPDATE, DEPLOY, RESTORE, ROLLBACK, SNAPSHOT, RESET];
/// Letters that are not mistaken for digits or for each other.
const CHECK_LETTERS: &[u8; 20] = b"ACDEFGHJKLMNPRTUVWXY";

/// The number of a job. An update's, for example `OTA-JOB-8821X`, is a counter and a check letter, so that a misheard digit is
/// noticed; the others are short: `MANUAL-DEPLOY-001`, `RESTORE-001`, `ROLLBACK-001`, `snap-006`,
/// `RESET-001`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct JobId(String);

impl JobId {
    /// The id of the `number`th job of its kind on this gateway.
    #[must_use]
    pub fn numbered(kind: JobKind, number: u64) -> Self {
        let prefix = match kind {
            JobKind::Update => {
                let shown = number.saturating_add(1000);
                return Self(format!("{UPDATE}{shown}{}", check_letter(shown)));
            }
            JobKind::Deploy => DEPLOY,
            JobKind::Restore => RESTORE,
            JobKind::Rollback => ROLLBACK,
            JobKind::Snapshot => SNAPSHOT,
            JobKind::Reset => RESET,
        };
        Self(format!("{prefix}{number:03}"))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number in a short id, `1` of `RESET-001`; none in an update's, whose number is shown in another way.
    #[must_use]
    pub fn number(&self) -> Option<u32> {
        let short = PREFIXES.iter().filter(|prefix| **prefix != UPDATE);
        short.filter_map(|prefix| self.0.strip_prefix(prefix)).find_map(|digits| digits.parse().ok())
    }
}

/// Weighted digit sum over twenty letters: one wrong digit and most swaps change the letter.
fn check_letter(shown: u64) -> char {
    let digits = shown.to_string();
    let weights = [7u64, 3, 9, 1].into_iter().cycle();
    let sum: u64 = digits
        .bytes()
        .zip(weights)
        .map(|(digit, weight)| u64::from(digit.saturating_sub(b'0')) * weight)
        .sum();
    let index = usize::try_from(sum % 20).unwrap_or(0);
    CHECK_LETTERS.get(index).map_or('X', |letter| char::from(*letter))
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Text that no job can have as its number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("“{0}” is not a job number; one looks like OTA-JOB-8821X")]
pub struct InvalidJobId(pub String);

impl FromStr for JobId {
    type Err = InvalidJobId;
    /// Accepts any text of the right shape; whether such a job exists is the store's to say.
    fn from_str(text: &str) -> Result<Self, InvalidJobId> {
        let tail = PREFIXES.iter().find_map(|prefix| text.strip_prefix(prefix)).unwrap_or_default();
        let fits = (2..=24).contains(&tail.len()) && tail.bytes().all(|b| b.is_ascii_alphanumeric());
        if fits { Ok(Self(text.to_owned())) } else { Err(InvalidJobId(text.chars().take(64).collect())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_look_like_the_documented_one_and_differ() {
        let id = JobId::numbered(JobKind::Update, 7821);
        assert!(id.as_str().starts_with("OTA-JOB-8821"), "{id}");
        assert_eq!(id.as_str().len(), "OTA-JOB-8821X".len());
        assert_ne!(JobId::numbered(JobKind::Update, 1), JobId::numbered(JobKind::Update, 2));
        assert_eq!(id.as_str().parse(), Ok(id));
        let others =
            [JobKind::Deploy, JobKind::Restore, JobKind::Rollback, JobKind::Snapshot, JobKind::Reset];
        let others = others.map(|kind| JobId::numbered(kind, 6));
        assert_eq!(
            others.clone().map(|id| id.to_string()),
            ["MANUAL-DEPLOY-006", "RESTORE-006", "ROLLBACK-006", "snap-006", "RESET-006"]
        );
        assert!(others.iter().all(|id| id.number() == Some(6)));
        assert!(others.into_iter().all(|id| id.as_str().parse() == Ok(id)));
        assert_eq!(JobId::numbered(JobKind::Update, 6).number(), None);
    }

    #[test]
    fn one_wrong_digit_changes_the_letter() {
        for shown in ["1000", "1009", "8821", "40317"] {
            for place in 0..shown.len() {
                for digit in "0123456789".chars().filter(|digit| !shown[place..].starts_with(*digit)) {
                    let mut wrong = shown.to_owned();
                    wrong.replace_range(place..=place, &digit.to_string());
                    let letters = [shown, &wrong].map(|text| check_letter(text.parse().unwrap()));
                    // A leading zero makes another, shorter number: nobody reads that out.
                    assert!(wrong.starts_with('0') || letters[0] != letters[1], "{shown} {wrong}");
                }
            }
        }
    }

    #[test]
    fn other_text_is_refused() {
        for text in ["", "OTA-JOB-", "OTA-JOB-1", "ota-job-8821X", "OTA-JOB-88 1X", "OTA-JOB-../../x"] {
            assert!(text.parse::<JobId>().is_err(), "{text}");
        }
    }
}
