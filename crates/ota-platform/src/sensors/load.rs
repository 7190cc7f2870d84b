//! Whether the gateway has the processor time that an operation needs.

use super::board::Board;
use super::poll::Polled;
use super::rule::Judgement;
use async_trait::async_trait;
use ota_core::{ConstraintId, ConstraintState};
use ota_engine::ports::Clock;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;
use tokio::fs;

/// What is looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadConfig {
    /// Above this load average (one minute) per processor core it blocks.
    pub maximum_per_core: f64,
    /// Above this share of the last ten seconds, in percent, in which a task waited for a processor, it blocks; where the kernel
    /// measures it (pressure stall information, `some avg10`).
    pub maximum_pressure: f64,
    /// The kernel's figures, `/proc` on a gateway.
    pub proc: PathBuf,
    pub interval: Duration,
    pub max_age: Duration,
}

pub(super) struct Load {
    pub(super) config: LoadConfig,
    pub(super) board: Arc<Board>,
    pub(super) clock: Arc<dyn Clock>,
}

#[async_trait]
impl Polled for Load {
    async fn look(&mut self) -> bool {
        let cores = available_parallelism().map_or(1, usize::from);
        let at = self.clock.boot();
        let found = read(&self.config.proc).await;
        let judgement = match &found {
            Ok((load, pressure)) => judge(load / cores_f64(cores), *pressure, &self.config),
            Err(error) => {
                let why = format!("The kernel's load average cannot be read: {error}.");
                Judgement::unknown(why, Some(self.config.maximum_per_core))
            }
        };
        let source = "load average".to_owned();
        let noted = self.clock.boot();
        self.board.put(ConstraintId::SystemLoad, judgement, source, (at, noted), self.config.max_age);
        found.is_ok()
    }
}

/// The load average of one minute and, where the kernel measures it, the share of time in which a task waited for a
/// processor.
async fn read(proc: &Path) -> io::Result<(f64, Option<f64>)> {
    let text = fs::read_to_string(proc.join("loadavg")).await?;
    let load = text.split_ascii_whitespace().next().and_then(|word| word.parse().ok());
    let load = load.filter(|load: &f64| load.is_finite() && *load >= 0.0);
    let load = load.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "not a number"))?;
    let pressure = fs::read_to_string(proc.join("pressure/cpu")).await.ok();
    Ok((load, pressure.as_deref().and_then(some_avg10)))
}

/// From `some avg10=0.00 avg60=1.99 …`.
fn some_avg10(text: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix("some "))?;
    line.split_ascii_whitespace().find_map(|word| word.strip_prefix("avg10="))?.parse().ok()
}

fn judge(per_core: f64, pressure: Option<f64>, config: &LoadConfig) -> Judgement {
    let level = (per_core * 100.0).round() / 100.0;
    let (most, most_waiting) = (config.maximum_per_core, config.maximum_pressure);
    let loaded = per_core > most;
    let load = if loaded {
        format!("The load is {level} per core, above the maximum of {most}.")
    } else {
        format!("The load is {level} per core.")
    };
    let pressed = pressure.is_some_and(|share| share > most_waiting);
    let waiting = pressure.map(|share| {
        let limit = if pressed { format!(", more than {most_waiting} %") } else { String::new() };
        format!(" Tasks waited for a processor {share} % of the last 10 s{limit}.")
    });
    let (state, status) = if loaded || pressed {
        (ConstraintState::Blocking, "high")
    } else {
        (ConstraintState::Clear, "normal")
    };
    let reason = format!("{load}{}", waiting.unwrap_or_default());
    let status = status.to_owned();
    Judgement { state, status, level: Some(level), threshold: Some(most), reason, clears_in: None }
}

#[allow(clippy::cast_precision_loss, reason = "nobody has 2^53 cores")]
const fn cores_f64(cores: usize) -> f64 {
    cores as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> LoadConfig {
        let (interval, max_age) = (Duration::from_secs(1), Duration::from_secs(5));
        LoadConfig { maximum_per_core: 2.0, maximum_pressure: 90.0, proc: "/proc".into(), interval, max_age }
    }

    #[test]
    fn the_maximum_itself_is_allowed_and_pressure_is_told() {
        assert_eq!(judge(2.0, None, &config()).state, ConstraintState::Clear);
        let high = judge(2.001, Some(1.5), &config());
        assert_eq!(
            (high.state, high.level, high.threshold),
            (ConstraintState::Blocking, Some(2.0), Some(2.0))
        );
        assert!(high.reason.contains("1.5 % of the last 10 s."), "{}", high.reason);
    }

    #[test]
    fn tasks_that_wait_block_although_the_load_is_still_low() {
        assert_eq!(judge(0.5, Some(90.0), &config()).state, ConstraintState::Clear);
        let pressed = judge(0.5, Some(90.5), &config());
        assert_eq!((pressed.state, pressed.status.as_str()), (ConstraintState::Blocking, "high"));
        assert!(pressed.reason.contains("90.5 % of the last 10 s, more than 90 %."), "{}", pressed.reason);
    }

    #[test]
    fn pressure_is_read_where_the_kernel_measures_it() {
        let text = "some avg10=4.25 avg60=1.99 avg300=18.16 total=284744344\nfull avg10=0.00 avg60=0.00\n";
        assert_eq!(some_avg10(text), Some(4.25));
        assert_eq!(some_avg10("full avg10=1.00"), None);
        assert_eq!(some_avg10(""), None);
    }
}
