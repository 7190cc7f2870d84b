//! The health check that asks the database.

use async_trait::async_trait;
use ota_core::{CheckKind, CheckPlan, SlotId};
use ota_engine::ports::{HealthCheck, Store};
use std::sync::Arc;
use std::time::Duration;

/// Worn flash may take seconds for a flush; longer than this nothing works any more.
const PATIENCE: Duration = Duration::from_secs(20);

/// Passes when the database can be written and read. Always required: without it no state survives.
pub struct DatabaseCheck {
    store: Arc<dyn Store>,
    plan: CheckPlan,
}

impl DatabaseCheck {
    /// `deadline` and `interval` as in [`CheckPlan`].
    #[must_use]
    pub fn new(store: Arc<dyn Store>, deadline: Duration, interval: Duration) -> Self {
        let (name, kind) = ("database".to_owned(), CheckKind::Database);
        Self { store, plan: CheckPlan { name, kind, required: true, deadline, interval, times: 1 } }
    }
}

#[async_trait]
impl HealthCheck for DatabaseCheck {
    fn plan(&self) -> &CheckPlan {
        &self.plan
    }

    async fn run(&self, _booted: SlotId) -> Result<(), String> {
        match tokio::time::timeout(PATIENCE, self.store.ping()).await {
            Ok(answer) => answer.map_err(|error| format!("The database does not work: {error}.")),
            Err(_) => Err(format!("The database does not answer within {} s.", PATIENCE.as_secs())),
        }
    }
}
