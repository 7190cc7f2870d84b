use async_trait::async_trait;
use ota_core::{CheckPlan, SlotId};

/// A question whose answer says whether a freshly started system works.
#[async_trait]
pub trait HealthCheck: Send + Sync {
    /// What it is called, and how long and how often it is asked.
    fn plan(&self) -> &CheckPlan;

    /// Asks once, within the check's own time limit. Dropping the future ends the attempt and whatever it started.
    ///
    /// # Errors
    /// A sentence that says what is not as it should be.
    async fn run(&self, booted: SlotId) -> Result<(), String>;
}
