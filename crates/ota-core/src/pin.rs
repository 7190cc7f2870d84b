//! PINs: which may be set, and how long to wait after wrong ones.

use std::{fmt, str::FromStr, time::Duration};

/// What a PIN opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PinKind {
    /// Overriding safety constraints.
    Override,
    /// Resetting the gateway to factory state.
    Factory,
}

impl PinKind {
    pub const ALL: [Self; 2] = [Self::Override, Self::Factory];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Override => "override",
            Self::Factory => "factory",
        }
    }
}

impl fmt::Display for PinKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A kind of PIN that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no PIN “{0}”: the two are override and factory")]
pub struct UnknownPin(pub String);

impl FromStr for PinKind {
    type Err = UnknownPin;
    fn from_str(name: &str) -> Result<Self, UnknownPin> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name).ok_or_else(|| UnknownPin(name.to_owned()))
    }
}

const SHORTEST: usize = 6;
const LONGEST: usize = 32;
/// PINs that stand in documents and demos, for everybody to read.
const PUBLISHED: [&str; 2] = ["739214", "482913"];
/// Rows and columns of a keypad and what lies on it, wrapped around.
const RUNS: [&str; 6] = ["0123456789", "9876543210", "147258369", "963852741", "159357", "258456"];

/// Why a PIN cannot be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WeakPin {
    #[error("a PIN has {SHORTEST} to {LONGEST} digits and nothing else")]
    Digits,
    #[error("that PIN is among the first that anybody would try")]
    Obvious,
    #[error("that PIN is published in the documentation")]
    Published,
}

/// Whether `pin` may be set.
///
/// # Errors
/// [`WeakPin`].
pub fn check_new_pin(pin: &str) -> Result<(), WeakPin> {
    if !(SHORTEST..=LONGEST).contains(&pin.len()) || !pin.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(WeakPin::Digits);
    }
    if PUBLISHED.contains(&pin) {
        return Err(WeakPin::Published);
    }
    if is_obvious(pin) { Err(WeakPin::Obvious) } else { Ok(()) }
}

/// Few different digits, a repeated piece, a run over the keypad, or pairs.
fn is_obvious(pin: &str) -> bool {
    let digits = pin.as_bytes();
    let mut different = digits.to_vec();
    different.sort_unstable();
    different.dedup();
    let repeats = |piece: usize| digits.iter().zip(digits.iter().skip(piece)).all(|(a, b)| a == b);
    let run = RUNS.iter().any(|run| run.repeat(LONGEST).contains(pin));
    let mut steps: Vec<u8> =
        digits.iter().zip(digits.iter().skip(1)).map(|(a, b)| b.wrapping_sub(*a)).collect();
    steps.dedup();
    let even_steps = steps.len() == 1;
    let pairs = digits.chunks(2).all(|pair| pair.first() == pair.last());
    different.len() <= 2 || (1..=SHORTEST / 2).any(repeats) || run || even_steps || pairs
}

/// Wrong tries before a wait, and between one wait and the next.
const FREE_TRIES: u32 = 5;
const FIRST_WAIT: Duration = Duration::from_secs(60);
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// The wait that the last of `tries` wrong tries in a row costs; `None` when the next try is free. Each further five cost
/// twice as much as the five before, up to a day.
#[must_use]
pub fn wait_after_tries(tries: u32) -> Option<Duration> {
    let fives = tries.checked_div(FREE_TRIES).filter(|_| tries > 0 && tries.is_multiple_of(FREE_TRIES))?;
    let doublings = fives.saturating_sub(1).min(16);
    Some(FIRST_WAIT.saturating_mul(1 << doublings).min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_six_digits_that_nobody_guesses() {
        for pin in ["", "0000", "7392", "12345", "12345a", "１２３４５６", "739 281", &"7391".repeat(9)]
        {
            assert_eq!(check_new_pin(pin), Err(WeakPin::Digits), "{pin}");
        }
        for pin in [
            "000000", "111111", "123456", "654321", "567890", "789012", "121212", "123123", "112233",
            "369147", "147258", "101010", "998877", "010101", "13131313", "12345678",
        ] {
            assert_eq!(check_new_pin(pin), Err(WeakPin::Obvious), "{pin}");
        }
        assert_eq!(check_new_pin("739214"), Err(WeakPin::Published));
        for pin in ["739281", "204816", "90210475", "583920174628"] {
            assert_eq!(check_new_pin(pin), Ok(()), "{pin}");
        }
    }

    #[test]
    fn five_wrong_tries_cost_a_minute_and_each_further_five_twice_as_much() {
        let waits: Vec<_> =
            (0..=16).filter_map(|tries| Some((tries, wait_after_tries(tries)?.as_secs()))).collect();
        assert_eq!(waits, [(5, 60), (10, 120), (15, 240)]);
        assert_eq!(wait_after_tries(55), Some(Duration::from_secs(61_440)));
        assert_eq!(wait_after_tries(60), Some(LONGEST_WAIT));
        assert_eq!(wait_after_tries(u32::MAX), Some(LONGEST_WAIT), "a multiple of five");
    }
}
