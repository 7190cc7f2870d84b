//! A gateway's place among all gateways.

use sha2::{Digest, Sha256};
use std::time::Duration;

/// A number from 0 to just below 1 that a gateway always has for the same purpose. Over many gateways the places are even.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place(u32);

impl Place {
    /// The place of a `gateway` for a `purpose`: for another one it has another place, so that nobody is always first.
    #[must_use]
    pub fn of(gateway: &str, purpose: &[&str]) -> Self {
        let mut hash = Sha256::new();
        for text in purpose.iter().chain([&gateway]) {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text.as_bytes());
        }
        let [a, b, c, d, ..] = <[u8; 32]>::from(hash.finalize());
        Self(u32::from_be_bytes([a, b, c, d]))
    }

    /// That part of `whole`, in milliseconds.
    #[must_use]
    pub fn share(self, whole: Duration) -> Duration {
        let part = (whole.as_millis() * u128::from(self.0)) >> u32::BITS;
        Duration::from_millis(u64::try_from(part).unwrap_or(u64::MAX))
    }

    /// Whether it belongs to the first `percent` of all places.
    #[must_use]
    pub fn is_within(self, percent: u8) -> bool {
        (u64::from(self.0) * 100) >> u32::BITS < u64::from(percent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_does_not_change() {
        // Every gateway in the field relies on it: a change would move all of them at once.
        assert_eq!(Place::of("GW-3920A9", &["check"]), Place(0x8e348817));
        assert_eq!(Place::of("GW-3920A9", &["wave", "update-001"]), Place(0x52d6d0c3));
        assert_ne!(Place::of("b", &["a"]), Place::of("", &["a", "b"]), "texts do not run into each other");
        assert_ne!(Place::of("c", &["ab"]), Place::of("bc", &["a"]));
    }

    #[test]
    fn places_are_even() {
        let places: Vec<_> = (0..10_000).map(|n| Place::of(&format!("GW-{n}"), &["wave", "r"])).collect();
        for percent in [1, 10, 50, 99] {
            let within = places.iter().filter(|place| place.is_within(percent)).count();
            let expected = usize::from(percent) * 100;
            assert!(within.abs_diff(expected) < 200, "{within} of 10000 are within {percent} %");
        }
        assert!(places.iter().all(|place| place.is_within(100) && !place.is_within(0)));
        let hour = Duration::from_secs(3600);
        assert!(places.iter().all(|place| place.share(hour) < hour));
        let sum: u64 = places.iter().map(|place| place.share(hour).as_secs()).sum();
        assert!((1740..1860).contains(&(sum / 10_000)), "{sum}");
    }
}
