//! Asking the repository for updates, in a lane of its own.

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use ota_core::{Actor, Release, ScheduleState};
use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::sync::watch;

use crate::{
    Change, Event, Ota, OtaError,
    ports::{Catalog, Fact, LogLevel, RepositoryError},
};

/// An unforced check is not repeated within this time.
const FRESH: Duration = Duration::from_secs(60);
/// What the first check is expected to take.
const FIRST_ESTIMATE: Duration = Duration::from_secs(30);

type Outcome = Option<Result<(), RepositoryError>>;

/// The lane: at most one check runs, and whoever asks meanwhile joins it.
#[derive(Default)]
pub(crate) struct CheckLane {
    running: Option<(String, watch::Receiver<Outcome>)>,
    last: Option<(String, Duration)>,
    numbered: Option<(Date, u32)>,
    took: Option<Duration>,
}

/// A check that was started, joined, or not needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckStarted {
    /// `check-20250315-001`.
    pub id: String,
    pub estimated: Duration,
    /// The outcome is in the snapshot already.
    pub finished: bool,
}

impl Ota {
    /// Asks the repository. With `background` it answers at once; otherwise when the outcome is known.
    ///
    /// # Errors
    /// [`OtaError::Repository`] when it was waited for and the repository cannot be used.
    pub async fn check_updates(
        self: &Arc<Self>,
        force: bool,
        background: bool,
        actor: &Actor,
    ) -> Result<CheckStarted, OtaError> {
        let mut lane = self.check_lane.lock().await;
        let estimated = lane.took.unwrap_or(FIRST_ESTIMATE);
        if let Some((id, at)) = &lane.last
            && !force
            && lane.running.is_none()
            && self.parts.clock.boot().saturating_sub(*at) < FRESH
        {
            return Ok(CheckStarted { id: id.clone(), estimated, finished: true });
        }
        let (id, mut outcome) = match &lane.running {
            Some(running) => running.clone(),
            None => self.begin_check(&mut lane, actor),
        };
        drop(lane);
        if background {
            return Ok(CheckStarted { id, estimated, finished: false });
        }
        let waited = outcome.wait_for(Option::is_some).await;
        match waited.as_deref() {
            Ok(Some(Err(error))) => Err(OtaError::Repository(error.clone())),
            Ok(_) => Ok(CheckStarted { id, estimated, finished: true }),
            Err(_) => Err(OtaError::Internal("the check was stopped".to_owned())),
        }
    }

    fn begin_check(
        self: &Arc<Self>,
        lane: &mut CheckLane,
        actor: &Actor,
    ) -> (String, watch::Receiver<Outcome>) {
        let id = lane.next_id(self.parts.clock.now());
        let (tell, outcome) = watch::channel(None);
        lane.running = Some((id.clone(), outcome.clone()));
        let (ota, actor) = (Arc::clone(self), actor.clone());
        self.tasks.spawn(async move {
            tokio::select! {
                () = ota.stop.cancelled() => {}
                result = ota.run_check(&actor) => {
                    tell.send_replace(Some(result));
                }
            }
        });
        (id, outcome)
    }

    async fn run_check(&self, actor: &Actor) -> Result<(), RepositoryError> {
        let began = self.parts.clock.boot();
        let now = self.parts.clock.now();
        self.note_check(|state| state.begin_check(now)).await;
        self.update(|snapshot| snapshot.check.running = true);
        self.tell(Event::Changed(Change::Updates));
        let result = match self.parts.repository.check().await {
            Ok(releases) => {
                let catalog = Catalog { releases, checked_at: self.parts.clock.now() };
                self.keep_catalog(catalog, actor).await;
                self.note_check(ScheduleState::check_succeeded).await;
                Ok(())
            }
            Err(error) => {
                tracing::warn!(detail = %error.detail, "{}", error.message);
                self.log(LogLevel::Error, "repository", error.message.clone()).await;
                Err(error)
            }
        };
        let message: Option<Arc<str>> = result.as_ref().err().map(|error| error.message.as_str().into());
        self.update(|snapshot| {
            snapshot.check.running = false;
            snapshot.check.error.clone_from(&message);
        });
        self.end_check(began).await;
        result
    }

    async fn end_check(&self, began: Duration) {
        let mut lane = self.check_lane.lock().await;
        let now = self.parts.clock.boot();
        lane.took = Some(now.saturating_sub(began));
        lane.last = lane.running.take().map(|(id, _)| (id, now));
        drop(lane);
        self.look_ahead().await;
        self.tell(Event::Changed(Change::Updates));
        self.first_check_done.store(true, Ordering::Release);
        self.reconsider.notify_one();
    }

    async fn keep_catalog(&self, catalog: Catalog, actor: &Actor) {
        let count = catalog.releases.len();
        if let Err(error) = self.parts.store.put_catalog(&catalog).await {
            tracing::error!(%error, "the list of updates cannot be saved");
        }
        let seen = self.note_first_seen(&catalog.releases, catalog.checked_at).await;
        let catalog = Arc::new(catalog);
        self.update(|snapshot| {
            snapshot.first_seen = Arc::clone(&seen);
            snapshot.check.last = Some(catalog.checked_at);
            snapshot.catalog = Some(Arc::clone(&catalog));
        });
        let text = format!("Update check by {actor}: the repository offers {count} release(s)");
        self.log(LogLevel::Info, "repository", text).await;
    }
}

impl Ota {
    /// When each release was first seen here. What is not offered any more is forgotten.
    async fn note_first_seen(
        &self,
        releases: &[Release],
        now: Timestamp,
    ) -> Arc<BTreeMap<String, Timestamp>> {
        let known = Arc::clone(&self.snapshot().first_seen);
        let of = |release: &Release| (release.id.clone(), known.get(&release.id).copied().unwrap_or(now));
        let seen: BTreeMap<_, _> = releases.iter().map(of).collect();
        if seen == *known {
            return known;
        }
        let saved = match serde_json::to_string(&seen) {
            Ok(text) => {
                self.parts.store.put_fact(Fact::FirstSeen, &text).await.map_err(|error| error.to_string())
            }
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = saved {
            tracing::error!(%error, "since when releases are known cannot be saved");
        }
        Arc::new(seen)
    }
}

impl CheckLane {
    /// Numbers start over every day.
    fn next_id(&mut self, now: Timestamp) -> String {
        let today = now.to_zoned(TimeZone::UTC).date();
        let number = match self.numbered {
            Some((day, number)) if day == today => number.saturating_add(1),
            _ => 1,
        };
        self.numbered = Some((today, number));
        format!("check-{:04}{:02}{:02}-{number:03}", today.year(), today.month(), today.day())
    }
}
