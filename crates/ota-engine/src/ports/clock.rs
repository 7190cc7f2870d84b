use jiff::Timestamp;
use std::time::Duration;

/// The two clocks of a gateway.
pub trait Clock: Send + Sync {
    /// Wall clock, for what people read. It may jump.
    fn now(&self) -> Timestamp;

    /// Time since the kernel started, suspend included (`CLOCK_BOOTTIME`). It never jumps: ages and deadlines use it.
    fn boot(&self) -> Duration;
}
