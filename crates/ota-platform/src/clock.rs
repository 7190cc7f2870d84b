//! The gateway's two clocks.

use jiff::Timestamp;
use ota_engine::ports::Clock;
use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// The clocks of the running kernel.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn boot(&self) -> Duration {
        let time = clock_gettime(ClockId::Boottime);
        // The kernel never counts down from its start; a value outside of the types would be its defect.
        let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
        Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boot_clock_is_the_kernels_uptime_and_goes_on() {
        let uptime = std::fs::read_to_string("/proc/uptime").unwrap();
        let uptime: f64 = uptime.split(' ').next().unwrap().parse().unwrap();
        let first = SystemClock.boot();
        assert!((first.as_secs_f64() - uptime).abs() < 5.0, "{first:?} {uptime}");
        assert!(SystemClock.boot() >= first);
    }
}
