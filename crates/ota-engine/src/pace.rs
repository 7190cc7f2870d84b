//! How fast this gateway is: measured with every job, for the estimate of the next one.
//!
//! It is a convenience: what goes wrong with it is only logged.

use ota_core::{Job, JobId, Pace, Pass};
use std::{
    sync::{MutexGuard, PoisonError},
    time::Duration,
};

use crate::{
    Ota,
    ports::{Fact, Store, StoreError},
};

impl Ota {
    /// What was measured before. What cannot be understood is measured anew.
    pub(crate) async fn remembered_pace(store: &dyn Store) -> Result<Pace, StoreError> {
        let saved = store.fact(Fact::Pace).await?;
        Ok(saved.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
    }

    /// The pace as it is known now.
    pub(crate) fn pace(&self) -> Pace {
        self.pace_lock().clone()
    }

    pub(crate) async fn learn_pass(&self, pass: Pass, bytes: u64, took: Duration) {
        self.learn(|pace| pace.learn(pass, bytes, took)).await;
    }

    pub(crate) async fn begin_restart(&self, job: &Job) {
        // A start that writes a slot says nothing about one that does not.
        if !job.is_in_place() {
            let now = self.parts.clock.now();
            self.learn(|pace| pace.begin_restart(job.id.clone(), now)).await;
        }
    }

    pub(crate) async fn end_restart(&self, job: &JobId) {
        let now = self.parts.clock.now();
        self.learn(|pace| pace.end_restart(job, now)).await;
    }

    async fn learn(&self, lesson: impl FnOnce(&mut Pace)) {
        let pace = {
            let mut pace = self.pace_lock();
            lesson(&mut pace);
            pace.clone()
        };
        let saved = match serde_json::to_string(&pace) {
            Ok(text) => self.parts.store.put_fact(Fact::Pace, &text).await.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = saved {
            tracing::warn!(%error, "how fast the gateway is cannot be remembered");
        }
    }

    fn pace_lock(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
