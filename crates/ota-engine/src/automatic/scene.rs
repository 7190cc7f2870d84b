//! What a decision is made of, gathered at one moment.

use jiff::Timestamp;
use ota_core::{
    Ahead, Arming, Asker, ConstraintId, Facts, Gates, HoldPoint, InstallOrder, Job, JobId, JobKind, JobState,
    Offer, Operation, Phase, Release, Settings, Strategy, UpdateKind, WaitingRestart, Work, version_order,
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crate::{Ota, OtaError, Snapshot, ports::ComponentView, updates::busy};

/// Time between two looks at the free space.
const SPACE_ROUND: Duration = Duration::from_secs(60);

/// What there was no room for when it was looked at last.
#[derive(Debug, Default)]
pub(crate) struct Shortages {
    /// Boot clock.
    at: Duration,
    of: Option<Wanted>,
    sentences: BTreeMap<String, String>,
}

/// What room is wanted for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wanted {
    /// The list of updates, by when it was read.
    listed: Timestamp,
    strategy: Strategy,
    /// What is here already.
    downloaded: Option<JobId>,
}

/// Owns what [`Facts`] borrow.
pub(super) struct Scene {
    snapshot: Arc<Snapshot>,
    settings: Arc<Settings>,
    calendar: Option<ota_core::Calendar>,
    gates: Gates,
    offers: Vec<OfferFacts>,
    restart: Option<(JobId, Option<UpdateKind>, Duration)>,
}

struct OfferFacts {
    release: Release,
    first_seen: Option<Timestamp>,
    downloaded: bool,
    shortage: Option<String>,
    strategy_refused: Option<String>,
    failed_before: Option<String>,
    estimate: Duration,
}

impl Scene {
    pub(super) fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings)
    }

    pub(super) fn facts(&self) -> Facts<'_> {
        let site = &self.snapshot.site;
        Facts {
            gateway: &site.id,
            model: &site.model,
            running: self.snapshot.running_version(),
            floor: site.version_floor.as_deref(),
            settings: &self.settings,
            calendar: self.calendar.as_ref(),
            site_check_interval: site.check_interval,
            gates: self.gates.clone(),
            offers: self.offers.iter().map(OfferFacts::offer).collect(),
            restart: self.restart.as_ref().map(|(job, kind, estimate)| WaitingRestart {
                job,
                kind: *kind,
                estimate: *estimate,
            }),
        }
    }
}

impl OfferFacts {
    fn offer(&self) -> Offer<'_> {
        Offer {
            release: &self.release,
            first_seen: self.first_seen,
            downloaded: self.downloaded,
            shortage: self.shortage.clone(),
            strategy_refused: self.strategy_refused.clone(),
            failed_before: self.failed_before.clone(),
            estimate: self.estimate,
        }
    }
}

impl Ota {
    pub(super) async fn scene(&self) -> Scene {
        let snapshot = self.snapshot();
        let settings = Arc::clone(&snapshot.settings);
        let open = self.desk.lock().await.clone();
        let calendar = settings.calendar(&self.site_zone(), &self.parts.zones).unwrap_or_else(|error| {
            tracing::error!(%error, "there is no maintenance window");
            None
        });
        let shortages = self.shortages(&snapshot, &open).await;
        let offers = snapshot.offered();
        let offers = offers.map(|release| self.offer(release, &snapshot, &open, &shortages)).collect();
        let restart = open.iter().find(|job| self.waits_for_restart(job)).map(|job| {
            let kind = match &job.work {
                Work::Release(release) => Some(release.kind),
                _ => None,
            };
            (job.id.clone(), kind, self.restart_estimate(job))
        });
        let gates = self.gates(&open);
        Scene { snapshot, settings, calendar, gates, offers, restart }
    }

    fn offer(
        &self,
        release: &Release,
        snapshot: &Snapshot,
        open: &[Job],
        shortages: &BTreeMap<String, String>,
    ) -> OfferFacts {
        let waiting = open.iter().find(|job| waits_with(job, release));
        let downloaded = waiting.is_some();
        let auto_reboot = snapshot.settings.auto_update.auto_reboot;
        let length = release.target.length;
        let in_place = snapshot.settings.update_strategy == Strategy::InPlace;
        let running = snapshot.running.slot().and_then(|slot| snapshot.slots.get(slot).record.as_ref());
        let kept_first = running.filter(|_| in_place).map_or(0, |record| record.image_bytes);
        let ahead = Ahead {
            fetch: if downloaded { 0 } else { length },
            verify: if downloaded { 0 } else { length },
            snapshot: kept_first,
            write: length,
            read_back: length,
            restart: auto_reboot,
            clear_for: self.parts.site.clear_for,
        };
        OfferFacts {
            release: release.clone(),
            first_seen: self.first_seen().get(&release.id).copied(),
            downloaded,
            shortage: shortages.get(&release.id).cloned(),
            strategy_refused: self.strategy_refusal(snapshot, release, waiting),
            failed_before: snapshot.tried.get(&release.version).cloned(),
            estimate: self.pace().estimate(&ahead),
        }
    }

    /// Why the settings' strategy does not do: on this gateway, for the release, or for the bundle that waits.
    fn strategy_refusal(
        &self,
        snapshot: &Snapshot,
        release: &Release,
        waiting: Option<&Job>,
    ) -> Option<String> {
        let strategy = snapshot.settings.update_strategy;
        if strategy == Strategy::Rolling
            && let Some((name, newer)) = newer_component(snapshot, release)
        {
            return Some(format!("{name} is {newer} already: the gateway goes back for people only."));
        }
        let bundle = waiting.and_then(|job| job.bundle.as_ref());
        let of_bundle = bundle.and_then(|bundle| self.require_strategy(strategy, bundle).err());
        let of_bundle = || of_bundle.and_then(|error| error.failure()).map(|failure| failure.message);
        snapshot.strategy_refused(strategy).or_else(of_bundle)
    }

    /// By id: the sentence about a release that there is no room for. Asked again from time to time only: a disk is slow, and who
    /// begins something asks once more.
    async fn shortages(&self, snapshot: &Snapshot, open: &[Job]) -> BTreeMap<String, String> {
        let mut known = self.shortages.lock().await;
        let now = self.parts.clock.boot();
        let waiting = open.iter().find(|job| matches!(job.state, JobState::Downloaded));
        let of = snapshot.catalog.as_ref().map(|catalog| Wanted {
            listed: catalog.checked_at,
            strategy: snapshot.settings.update_strategy,
            downloaded: waiting.map(|job| job.id.clone()),
        });
        if known.of == of && now.saturating_sub(known.at) < SPACE_ROUND {
            return known.sentences.clone();
        }
        let mut sentences = BTreeMap::new();
        for release in snapshot.offered() {
            let downloaded = waiting.is_some_and(|job| waits_with(job, release));
            if let Some(sentence) = self.shortage(snapshot, release, downloaded).await {
                sentences.insert(release.id.clone(), sentence);
            }
        }
        *known = Shortages { at: now, of, sentences };
        known.sentences.clone()
    }

    async fn shortage(&self, snapshot: &Snapshot, release: &Release, downloaded: bool) -> Option<String> {
        let staged = if downloaded { Ok(()) } else { self.parts.fetcher.check_space(&release.target).await };
        if let Err(error) = staged {
            return error.failure().map(|failure| failure.message);
        }
        let strategy = snapshot.settings.update_strategy;
        // What stands against the strategy itself is said by itself.
        if snapshot.strategy_refused(strategy).is_some() {
            return None;
        }
        let order = InstallOrder { strategy, ..InstallOrder::default() };
        let others = if downloaded { 0 } else { release.target.length };
        self.require_way_back(&order, others).await.err().map(|error| error.to_string())
    }

    /// A held job is proven once more before it is armed; in place, the start writes the slot.
    fn restart_estimate(&self, job: &Job) -> Duration {
        let in_slot = job.bundle.as_ref().map_or(0, ota_core::Bundle::image_bytes);
        let rolls = matches!(job.state, JobState::Held { at: HoldPoint::Component { .. }, .. });
        let ahead = Ahead {
            verify: if job.is_in_place() { job.work.length() } else { 0 },
            write: if job.is_in_place() || rolls { in_slot } else { 0 },
            read_back: if job.is_in_place() || !job.state.is_next() { in_slot } else { 0 },
            restart: true,
            clear_for: self.parts.site.clear_for,
            ..Ahead::default()
        };
        self.pace().estimate(&ahead)
    }

    /// An installed update whose restart nobody has ordered, or whose window is over.
    fn waits_for_restart(&self, job: &Job) -> bool {
        let installs = matches!(job.work.kind(), JobKind::Update | JobKind::Deploy);
        let rests = job.state.awaits_window()
            || matches!(job.state, JobState::AwaitingReboot { armed: Arming::Yes })
                && !self.drivers().contains_key(&job.id);
        installs && rests
    }

    /// What would be answered now to an order of the gateway's own.
    fn gates(&self, open: &[Job]) -> Gates {
        let safety = |phase| match self.permit(phase, Asker::Automatic) {
            Err(OtaError::Blocked(blocking)) => {
                blocking.iter().map(|one| format!("{}: {}.", title(one.constraint), one.status)).collect()
            }
            _ => Vec::new(),
        };
        let operation = |operation: &Operation<'_>| {
            ota_core::admit(operation, open).err().map(|refusal| busy(refusal).to_string())
        };
        let start: Vec<String> = safety(Phase::Start);
        let download = operation(&Operation::Download { sha256: "", writes_slot: false });
        let install = operation(&Operation::Download { sha256: "", writes_slot: true });
        let others =
            open.iter().find(|job| !self.waits_for_restart(job) && job.state != JobState::Downloaded);
        let restart =
            others.map(|job| OtaError::Busy { holder: job.id.clone(), state: job.status() }.to_string());
        Gates {
            download: download.into_iter().chain(start.iter().cloned()).collect(),
            install: install.into_iter().chain(start).collect(),
            reboot: restart.into_iter().chain(safety(Phase::Reboot)).collect(),
        }
    }

    /// When each release that the repository offers was first seen here.
    fn first_seen(&self) -> Arc<BTreeMap<String, Timestamp>> {
        Arc::clone(&self.snapshot().first_seen)
    }

    /// The site's time zone; the configuration was checked, so UTC is for a zone that has gone from the system since.
    pub(super) fn site_zone(&self) -> jiff::tz::TimeZone {
        let zone = self.parts.zones.get(&self.parts.site.time_zone);
        zone.unwrap_or(jiff::tz::TimeZone::UTC)
    }
}

/// A component that is newer than the release, and its version.
fn newer_component<'a>(snapshot: &'a Snapshot, release: &Release) -> Option<(&'a str, &'a str)> {
    let newer = |component: &'a ComponentView| {
        let current = component.current.as_ref()?;
        let newer = version_order(&current.version, &release.version).is_gt();
        newer.then_some((component.name.as_str(), current.version.as_str()))
    };
    snapshot.components.iter().find_map(newer)
}

/// Whether the job has downloaded and verified this very release, and waits.
pub(super) fn waits_with(job: &Job, release: &Release) -> bool {
    let same = matches!(&job.work, Work::Release(other) if other.target == release.target);
    same && matches!(job.state, JobState::Downloaded)
}

/// The constraint as people call it.
const fn title(constraint: ConstraintId) -> &'static str {
    match constraint {
        ConstraintId::CraneMotion => "Crane motion",
        ConstraintId::AcsCollision => "Anti-collision system",
        ConstraintId::UpsBattery => "UPS battery",
        ConstraintId::Network => "Network",
        ConstraintId::SystemLoad => "System load",
    }
}
