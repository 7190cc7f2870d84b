//! Section 1: bundles for whoever has to find a fault. One is made at a time, beside whatever job is under way.

use jiff::Timestamp;
use ota_core::{Actor, AuditAction, AuditEntry, AuditOutcome};
use std::{path::PathBuf, sync::Arc, time::Duration};

use crate::{
    Change, Event, Ota, OtaError,
    ports::{DebugBundle, DebugContent, LogLevel, Scene, StepError},
};

/// Time between two looks for bundles whose time is over.
const ROUND: Duration = Duration::from_secs(600);

/// A bundle that cannot be downloaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmade {
    pub id: String,
    pub since: Timestamp,
    /// Why it came to nothing; `None` while it is being made.
    pub failure: Option<String>,
}

/// The bundles of this gateway.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DebugView {
    /// The one that is being made, or the last one when it came to nothing.
    pub unmade: Option<Unmade>,
    /// Newest first.
    pub bundles: Vec<DebugBundle>,
}

impl DebugView {
    fn making(&self) -> Option<&str> {
        self.unmade.as_ref().filter(|unmade| unmade.failure.is_none()).map(|unmade| unmade.id.as_str())
    }
}

impl Ota {
    /// Starts making a bundle; with its id and about how many bytes it is going to have.
    ///
    /// # Errors
    /// [`OtaError::MakingDebugBundle`] while another one is made.
    pub async fn start_debug_bundle(
        self: &Arc<Self>,
        content: DebugContent,
        actor: &Actor,
    ) -> Result<(String, u64), OtaError> {
        let entry = AuditEntry::attempt(actor, AuditAction::DebugBundle).saying(described(content));
        let started = self.try_start_debug_bundle(content, &entry).await;
        self.on_record(entry, started).await
    }

    async fn try_start_debug_bundle(
        self: &Arc<Self>,
        content: DebugContent,
        entry: &AuditEntry,
    ) -> Result<(String, u64), OtaError> {
        self.must_be_up()?;
        let _lane = self.debug_lane.lock().await;
        if let Some(id) = self.snapshot().debug.making() {
            return Err(OtaError::MakingDebugBundle(id.to_owned()));
        }
        let scene = Scene { snapshot: self.snapshot(), ready: self.is_ready(), at: self.parts.clock.now() };
        let size = self.parts.debug.estimate(content, &scene).await.map_err(not_made)?;
        let id = next_id(scene.at, &self.parts.debug.list().await.map_err(not_made)?);
        let entry = entry.clone().about(id.as_str());
        self.audit(&entry).await?;
        self.show_unmade(Some(Unmade { id: id.clone(), since: scene.at, failure: None })).await;
        let (this, made) = (Arc::clone(self), id.clone());
        self.tasks.spawn(async move { this.make_debug_bundle(made, content, scene, entry).await });
        Ok((id, size))
    }

    async fn make_debug_bundle(
        self: Arc<Self>,
        id: String,
        content: DebugContent,
        scene: Scene,
        entry: AuditEntry,
    ) {
        let since = scene.at;
        let (this, of_task) = (Arc::clone(&self), id.clone());
        // A task of its own, so that its end is heard of whatever that end is.
        let made = tokio::spawn(async move {
            this.parts.debug.make(&of_task, content, &scene, &this.stop.child_token()).await
        });
        let unmade = match made.await {
            Ok(Ok(())) => {
                self.audit_result(&entry.with_outcome(AuditOutcome::Succeeded)).await;
                self.log(LogLevel::Info, "ota", format!("{id}: debug bundle made")).await;
                self.tidy_debug_bundles(Some(&id)).await;
                None
            }
            // The service ends, and nobody waits for it any more.
            Ok(Err(StepError::Cancelled)) => {
                let ended = entry.with_outcome(AuditOutcome::failed("cancelled"));
                self.audit_result(&ended.saying("the service ended")).await;
                None
            }
            Ok(Err(error)) => {
                self.log(LogLevel::Error, "ota", format!("{id}: no debug bundle: {error}")).await;
                let failure = error.failure().map(|failure| failure.message);
                self.audit_error(entry, &not_made(error)).await;
                Some(Unmade { id, since, failure })
            }
            Err(error) => {
                tracing::error!(%error, id, "making a debug bundle ended unexpectedly");
                self.audit_result(&entry.with_outcome(AuditOutcome::failed("internal"))).await;
                let failure = Some("It ended unexpectedly. Try again.".to_owned());
                Some(Unmade { id, since, failure })
            }
        };
        self.show_unmade(unmade).await;
    }

    /// The file of a bundle.
    ///
    /// # Errors
    /// When the bundles cannot be looked at.
    pub async fn debug_bundle(&self, id: &str) -> Result<Option<PathBuf>, OtaError> {
        let bundles = self.parts.debug.list().await.map_err(not_made)?;
        let now = self.parts.clock.now();
        let found = bundles.into_iter().find(|bundle| bundle.id == id && now < bundle.expires_at);
        Ok(found.map(|bundle| bundle.path))
    }

    /// Removes bundles whose time is over, again and again.
    pub(crate) async fn expire_debug_bundles(self: Arc<Self>) {
        loop {
            self.tidy_debug_bundles(None).await;
            self.refresh_debug_bundles().await;
            if self.stop.run_until_cancelled(tokio::time::sleep(ROUND)).await.is_none() {
                return;
            }
        }
    }

    async fn tidy_debug_bundles(&self, new: Option<&str>) {
        if let Err(error) = self.parts.debug.tidy(self.parts.clock.now(), new).await {
            tracing::warn!(%error, "old debug bundles cannot be removed");
        }
    }

    /// What becomes of the order is known whatever can be read of the directory.
    async fn show_unmade(&self, unmade: Option<Unmade>) {
        let _lane = self.view_lane.lock().await;
        let bundles = self.parts.debug.list().await;
        self.update(|snapshot| {
            let bundles = match &bundles {
                Ok(bundles) => bundles.clone(),
                Err(_) => snapshot.debug.bundles.clone(),
            };
            snapshot.debug = Arc::new(DebugView { unmade: unmade.clone(), bundles });
        });
        self.tell(Event::Changed(Change::Debug));
        if let Err(error) = bundles {
            tracing::error!(%error, "the debug bundles cannot be read");
        }
    }

    /// Reads again what can be downloaded.
    async fn refresh_debug_bundles(&self) {
        let _lane = self.view_lane.lock().await;
        match self.parts.debug.list().await {
            Ok(bundles) if self.snapshot().debug.bundles == bundles => {}
            Ok(bundles) => {
                self.update(|snapshot| {
                    let unmade = snapshot.debug.unmade.clone();
                    snapshot.debug = Arc::new(DebugView { unmade, bundles: bundles.clone() });
                });
                self.tell(Event::Changed(Change::Debug));
            }
            Err(error) => tracing::error!(%error, "the debug bundles cannot be read"),
        }
    }
}

/// `debug-20250315-001`: the day in UTC, and a number that no bundle of that day has.
fn next_id(at: Timestamp, bundles: &[DebugBundle]) -> String {
    let day = format!("debug-{}-", at.strftime("%Y%m%d"));
    let numbers = bundles.iter().filter_map(|bundle| bundle.id.strip_prefix(&day)?.parse::<u32>().ok());
    format!("{day}{:03}", numbers.max().unwrap_or(0).saturating_add(1))
}

fn described(content: DebugContent) -> String {
    let DebugContent { logs, configs, metrics } = content;
    let chosen = [(logs, "logs"), (configs, "configs"), (metrics, "metrics")];
    let names: Vec<_> = chosen.into_iter().filter(|(on, _)| *on).map(|(_, name)| name).collect();
    if names.is_empty() { "status only".to_owned() } else { names.join(", ") }
}

/// Only a full disk is something that the person can do something about.
fn not_made(error: StepError) -> OtaError {
    match error.failure() {
        Some(failure) if failure.code == ota_core::FailureCode::InsufficientSpace => {
            OtaError::NoRoom(failure)
        }
        _ => OtaError::Internal(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::{described, next_id};
    use crate::ports::{DebugBundle, DebugContent};
    use jiff::Timestamp;

    #[test]
    fn ids_count_within_the_day() {
        let at: Timestamp = "2025-03-15T23:59:59Z".parse().unwrap();
        let bundle = |id: &str| DebugBundle {
            id: id.to_owned(),
            path: id.into(),
            size: 1,
            created_at: at,
            expires_at: at,
        };
        assert_eq!(next_id(at, &[]), "debug-20250315-001");
        let there = ["debug-20250314-009", "debug-20250315-002", "debug-20250315-x"].map(bundle);
        assert_eq!(next_id(at, &there), "debug-20250315-003");
    }

    #[test]
    fn the_audit_log_says_what_was_chosen() {
        let content = DebugContent { logs: true, configs: false, metrics: true };
        assert_eq!(described(content), "logs, metrics");
        assert_eq!(described(DebugContent { logs: false, configs: false, metrics: false }), "status only");
    }
}
