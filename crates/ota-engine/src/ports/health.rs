use async_trait::async_trait;
use ota_core::SlotId;

/// A question whose answer says whether a freshly started system works.
#[async_trait]
pub trait HealthCheck: Send + Sync {
    fn name(&self) -> &str;

    /// A failing required check rolls the trial back; a failing wanted one is only logged.
    fn required(&self) -> bool;

    /// Asks once, within the check's own time limit.
    ///
    /// # Errors
    /// A sentence that says what is not as it should be.
    async fn run(&self, booted: SlotId) -> Result<(), String>;
}
