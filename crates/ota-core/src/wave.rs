//! Rollout waves: a release reaches a few gateways first.
//!
//! The publisher signs them with the release, and each gateway finds its wave by itself: nobody has to know all gateways.
//! The place of a gateway is new with each release, so that none is always among the first.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Place, Release};

/// From `starts_at` on the release is for the first `percent` of all gateways. Waves add up: the second one holds the first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wave {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Of all gateways, 1 to 100.
    pub percent: u8,
    pub starts_at: Timestamp,
}

/// Waves that a publisher cannot have meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidWaves {
    #[error("wave {number} is for {percent} % of the gateways: it must be 1 to 100")]
    Percent { number: usize, percent: u8 },
    #[error("wave {number} is for no more gateways than the one before it")]
    NotLarger { number: usize },
    #[error("wave {number} does not start later than the one before it")]
    NotLater { number: usize },
}

/// When a release is for a gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaveStart {
    /// The release has no waves: it is for everybody.
    Everybody,
    At(Timestamp),
    /// The gateway is in none of the waves so far.
    NotPlanned,
}

/// Checks that waves grow and follow each other.
///
/// # Errors
/// [`InvalidWaves`] names the first wave that is wrong, counted from 1.
pub fn check_waves(waves: &[Wave]) -> Result<(), InvalidWaves> {
    let mut before: Option<&Wave> = None;
    for (wave, number) in waves.iter().zip(1..) {
        if !(1..=100).contains(&wave.percent) {
            return Err(InvalidWaves::Percent { number, percent: wave.percent });
        }
        if before.is_some_and(|before| before.percent >= wave.percent) {
            return Err(InvalidWaves::NotLarger { number });
        }
        if before.is_some_and(|before| before.starts_at >= wave.starts_at) {
            return Err(InvalidWaves::NotLater { number });
        }
        before = Some(wave);
    }
    Ok(())
}

impl Release {
    /// From when on the release is for this `gateway`.
    #[must_use]
    pub fn wave_start(&self, gateway: &str) -> WaveStart {
        if self.waves.is_empty() {
            return WaveStart::Everybody;
        }
        let place = Place::of(gateway, &["wave", &self.id]);
        let mine = self.waves.iter().filter(|wave| place.is_within(wave.percent));
        mine.map(|wave| wave.starts_at).min().map_or(WaveStart::NotPlanned, WaveStart::At)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Severity, TargetFile, UpdateKind};
    use std::collections::BTreeSet;

    fn wave(percent: u8, starts_at: &str) -> Wave {
        Wave { name: None, percent, starts_at: starts_at.parse().unwrap() }
    }

    fn waves() -> Vec<Wave> {
        vec![
            wave(10, "2025-03-15T00:00:00Z"),
            wave(50, "2025-03-17T00:00:00Z"),
            wave(100, "2025-03-20T00:00:00Z"),
        ]
    }

    fn release(id: &str, waves: Vec<Wave>) -> Release {
        Release {
            id: id.to_owned(),
            version: "v5.0.5".to_owned(),
            kind: UpdateKind::Feature,
            severity: Severity::Low,
            released: "2025-03-15".to_owned(),
            description: String::new(),
            changelog: vec![],
            compatible: vec![],
            kernel: None,
            waves,
            target: TargetFile { name: "x".to_owned(), length: 1, sha256: "00".to_owned() },
        }
    }

    fn names() -> impl Iterator<Item = String> {
        (0..1000).map(|n| format!("GW-{n:04}"))
    }

    #[test]
    fn waves_fill_up() {
        let release = release("update-001", waves());
        let mut counts = [0; 3];
        for gateway in names() {
            let start = release.wave_start(&gateway);
            let wave = release.waves.iter().position(|wave| WaveStart::At(wave.starts_at) == start).unwrap();
            counts[wave] += 1;
            assert_eq!(release.wave_start(&gateway), start, "a place does not change");
        }
        assert!((70..130).contains(&counts[0]) && (340..460).contains(&counts[1]), "{counts:?}");
    }

    #[test]
    fn the_first_are_others_each_time() {
        let first = |id: &str| -> BTreeSet<_> {
            let release = release(id, waves());
            let at = WaveStart::At(release.waves[0].starts_at);
            names().filter(|gateway| release.wave_start(gateway) == at).collect()
        };
        let (one, two) = (first("update-001"), first("update-002"));
        assert!(one.intersection(&two).count() < one.len() / 2);
    }

    #[test]
    fn without_waves_it_is_for_everybody_and_beyond_the_last_for_nobody() {
        assert_eq!(release("r", vec![]).wave_start("GW-1"), WaveStart::Everybody);
        let few = release("r", vec![wave(10, "2025-03-15T00:00:00Z")]);
        assert!(names().filter(|gateway| few.wave_start(gateway) == WaveStart::NotPlanned).count() > 800);
    }

    #[test]
    fn waves_must_grow_and_follow_each_other() {
        assert_eq!(check_waves(&waves()), Ok(()));
        assert_eq!(check_waves(&[]), Ok(()));
        let with = |index: usize, change: fn(&mut Wave)| {
            let mut waves = waves();
            change(&mut waves[index]);
            check_waves(&waves)
        };
        assert_eq!(with(0, |w| w.percent = 0), Err(InvalidWaves::Percent { number: 1, percent: 0 }));
        assert_eq!(with(2, |w| w.percent = 101), Err(InvalidWaves::Percent { number: 3, percent: 101 }));
        assert_eq!(with(1, |w| w.percent = 10), Err(InvalidWaves::NotLarger { number: 2 }));
        let early = |w: &mut Wave| w.starts_at = "2025-03-15T00:00:00Z".parse().unwrap();
        assert_eq!(with(1, early), Err(InvalidWaves::NotLater { number: 2 }));
    }

    #[test]
    fn a_release_that_was_saved_without_waves_is_read() {
        let saved = serde_json::to_value(release("r", vec![])).unwrap();
        assert!(saved.get("waves").is_none());
        assert!(serde_json::from_value::<Release>(saved).unwrap().waves.is_empty());
        let with = release("r", waves());
        assert_eq!(serde_json::from_value::<Release>(serde_json::to_value(&with).unwrap()).unwrap(), with);
    }
}
