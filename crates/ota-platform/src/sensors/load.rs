//! Whether the gateway has the processor time that an operation needs.

use super::board::{Board, Judgement};
use ota_core::{ConstraintId, ConstraintState};
use ota_engine::ports::Clock;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;
use tokio::fs;
use tokio::time::{MissedTickBehavior, interval};

/// What is looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadConfig {
    /// Above this load average (one minute) per processor core it blocks.
    pub maximum_per_core: f64,
    /// The kernel's figures, `/proc` on a gateway.
    pub proc: PathBuf,
    pub interval: Duration,
    pub max_age: Duration,
}

pub(super) async fn run(config: LoadConfig, board: Arc<Board>, clock: Arc<dyn Clock>) {
    let cores = available_parallelism().map_or(1, usize::from);
    let mut ticks = interval(config.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let at = clock.boot();
        let judgement = match read(&config.proc).await {
            Ok((load, pressure)) => judge(load / cores_f64(cores), pressure, config.maximum_per_core),
            Err(error) => {
                let why = format!("The kernel's load average cannot be read: {error}.");
                Judgement::unknown(why, Some(config.maximum_per_core))
            }
        };
        board.put(ConstraintId::SystemLoad, judgement, "load average", at, config.max_age);
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

fn judge(per_core: f64, pressure: Option<f64>, maximum: f64) -> Judgement {
    let level = (per_core * 100.0).round() / 100.0;
    let waiting = pressure.map(|share| format!(" Tasks waited for a processor {share} % of the last 10 s."));
    let waiting = waiting.unwrap_or_default();
    let (state, status, reason) = if per_core <= maximum {
        (ConstraintState::Clear, "normal", format!("The load is {level} per core.{waiting}"))
    } else {
        let reason = format!("The load is {level} per core, above the maximum of {maximum}.{waiting}");
        (ConstraintState::Blocking, "high", reason)
    };
    Judgement { state, status: status.to_owned(), level: Some(level), threshold: Some(maximum), reason }
}

#[allow(clippy::cast_precision_loss, reason = "nobody has 2^53 cores")]
const fn cores_f64(cores: usize) -> f64 {
    cores as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_maximum_itself_is_allowed_and_pressure_is_told() {
        assert_eq!(judge(2.0, None, 2.0).state, ConstraintState::Clear);
        let high = judge(2.001, Some(1.5), 2.0);
        assert_eq!(
            (high.state, high.level, high.threshold),
            (ConstraintState::Blocking, Some(2.0), Some(2.0))
        );
        assert!(high.reason.contains("1.5 % of the last 10 s"), "{}", high.reason);
    }

    #[test]
    fn pressure_is_read_where_the_kernel_measures_it() {
        let text = "some avg10=4.25 avg60=1.99 avg300=18.16 total=284744344\nfull avg10=0.00 avg60=0.00\n";
        assert_eq!(some_avg10(text), Some(4.25));
        assert_eq!(some_avg10("full avg10=1.00"), None);
        assert_eq!(some_avg10(""), None);
    }
}
