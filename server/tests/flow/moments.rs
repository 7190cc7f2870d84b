//! Moments that nobody chose, and that can be had again.

use std::time::Duration;

/// Pauses by a seed, which is printed; `KILL_SEED` repeats a run.
pub struct Moments(u64);

impl Moments {
    pub fn new(what: &str) -> Self {
        let given = std::env::var("KILL_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| u64::from(std::process::id()) ^ 0x5DEE_CE66_D193);
        println!("{what}: KILL_SEED={seed}");
        Self(seed)
    }

    /// Less than `milliseconds`.
    pub fn within(&mut self, milliseconds: u64) -> Duration {
        // Knuth's multiplier: chance enough for moments.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Duration::from_millis((self.0 >> 33) % milliseconds)
    }
}
