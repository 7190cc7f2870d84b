//! Rollout waves of a release: it reaches a few gateways first. Each gateway finds its wave by itself.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// From `starts_at` on the release is for the first `percent` of all gateways. Waves add up: the second one holds the first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wave {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Of all gateways, 1 to 100.
    pub percent: u8,
    pub starts_at: Timestamp,
}

/// Waves that gateways would not accept: they would pass over the release.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidWaves {
    #[error("wave {number} is for {percent} % of the gateways: it must be 1 to 100")]
    Percent { number: usize, percent: u8 },
    #[error(
        "wave {number} is for {percent} % of the gateways, and the one before it for {before} %: waves must grow"
    )]
    NotLarger { number: usize, percent: u8, before: u8 },
    #[error("wave {number} starts at {starts_at}, which is not later than the one before it")]
    NotLater { number: usize, starts_at: Timestamp },
    #[error("the name of wave {number} is empty")]
    Unnamed { number: usize },
}

/// Checks that waves grow and follow each other, as gateways do.
///
/// # Errors
/// [`InvalidWaves`] names the first wave that is wrong, counted from 1.
pub fn check(waves: &[Wave]) -> Result<(), InvalidWaves> {
    let mut former: Option<&Wave> = None;
    for (wave, number) in waves.iter().zip(1..) {
        let (percent, starts_at) = (wave.percent, wave.starts_at);
        if !(1..=100).contains(&percent) {
            return Err(InvalidWaves::Percent { number, percent });
        }
        if wave.name.as_ref().is_some_and(|name| name.trim().is_empty()) {
            return Err(InvalidWaves::Unnamed { number });
        }
        if let Some(before) = former.map(|former| former.percent).filter(|before| *before >= percent) {
            return Err(InvalidWaves::NotLarger { number, percent, before });
        }
        if former.is_some_and(|former| former.starts_at >= starts_at) {
            return Err(InvalidWaves::NotLater { number, starts_at });
        }
        former = Some(wave);
    }
    Ok(())
}

/// Text that is no wave.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoWave {
    #[error("a wave is [NAME=]PERCENT@START, for example canaries=5@2026-03-15T06:00:00Z")]
    Shape,
    #[error("“{0}” is no share of the gateways: it must be a whole number from 1 to 100")]
    Percent(String),
    #[error("“{0}” is no point in time: one looks like 2026-03-15T06:00:00Z")]
    Start(String),
}

/// `[NAME=]PERCENT@START`, as on the command line.
impl FromStr for Wave {
    type Err = NoWave;
    fn from_str(text: &str) -> Result<Self, NoWave> {
        let (share, start) = text.rsplit_once('@').ok_or(NoWave::Shape)?;
        let (name, share) = match share.rsplit_once('=') {
            Some((name, share)) => (Some(name.to_owned()), share),
            None => (None, share),
        };
        let percent = share.parse().ok().filter(|percent| (1..=100).contains(percent));
        let percent = percent.ok_or_else(|| NoWave::Percent(share.to_owned()))?;
        let starts_at = start.parse().map_err(|_| NoWave::Start(start.to_owned()))?;
        Ok(Self { name, percent, starts_at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waves(texts: &[&str]) -> Vec<Wave> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn a_wave_of_the_command_line_is_read() {
        let wave: Wave = "canaries=5@2026-03-15T06:00:00Z".parse().unwrap();
        let starts_at = "2026-03-15T06:00:00Z".parse().unwrap();
        assert_eq!(wave, Wave { name: Some("canaries".to_owned()), percent: 5, starts_at });
        assert_eq!(
            "100@2026-03-15T08:00:00+02".parse::<Wave>().unwrap(),
            Wave { name: None, percent: 100, starts_at }
        );
    }

    #[test]
    fn what_is_no_wave_is_refused_with_a_sentence() {
        let percent = |text: &str| NoWave::Percent(text.to_owned());
        let start = |text: &str| NoWave::Start(text.to_owned());
        for (text, expected) in [
            ("", NoWave::Shape),
            ("5", NoWave::Shape),
            ("5%@2026-03-15T06:00:00Z", percent("5%")),
            ("0@2026-03-15T06:00:00Z", percent("0")),
            ("101@2026-03-15T06:00:00Z", percent("101")),
            ("a=@2026-03-15T06:00:00Z", percent("")),
            ("5@2026-03-15", start("2026-03-15")),
            ("5@soon", start("soon")),
        ] {
            assert_eq!(text.parse::<Wave>(), Err(expected), "{text}");
        }
    }

    #[test]
    fn waves_must_grow_and_follow_each_other() {
        let at = |day: u8| format!("2026-03-{day}T00:00:00Z");
        let good = waves(&[
            &format!("canaries=5@{}", at(15)),
            &format!("50@{}", at(16)),
            &format!("100@{}", at(20)),
        ]);
        assert_eq!(check(&good), Ok(()));
        assert_eq!(check(&[]), Ok(()));
        assert_eq!(check(&good[..1]), Ok(()), "the others wait for another announcement");
        let with = |index: usize, change: fn(&mut Wave)| {
            let mut waves = good.clone();
            change(&mut waves[index]);
            check(&waves)
        };
        assert_eq!(with(0, |w| w.percent = 0), Err(InvalidWaves::Percent { number: 1, percent: 0 }));
        assert_eq!(with(2, |w| w.percent = 101), Err(InvalidWaves::Percent { number: 3, percent: 101 }));
        assert_eq!(
            with(1, |w| w.percent = 5),
            Err(InvalidWaves::NotLarger { number: 2, percent: 5, before: 5 })
        );
        assert_eq!(with(0, |w| w.name = Some(" ".into())), Err(InvalidWaves::Unnamed { number: 1 }));
        let starts_at = good[0].starts_at;
        let early = |w: &mut Wave| w.starts_at = "2026-03-15T00:00:00Z".parse().unwrap();
        assert_eq!(with(1, early), Err(InvalidWaves::NotLater { number: 2, starts_at }));
    }
}
