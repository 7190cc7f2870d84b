use ota_core::Reading;

/// The sources of the safety constraints. They poll or listen by themselves.
pub trait Sensors: Send + Sync {
    /// The latest reading of each constraint that has a source. Never waits.
    fn latest(&self) -> Vec<Reading>;
}
