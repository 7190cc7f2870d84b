//! What a decision is made of, gathered at one moment.

use jiff::Timestamp;
use ota_core::{
    Ahead, Arming, Asker, ConstraintId, Facts, Gates, Job, JobId, JobKind, JobState, Offer, Operation, Phase,
    Release, Settings, Strategy, UpdateKind, WaitingRestart, Work,
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crate::{Ota, OtaError, Snapshot, updates::busy};

/// Time between two looks at the free space.
const SPACE_ROUND: Duration = Duration::from_secs(60);

/// What there was no room for when it was looked at last.
#[derive(Debug, Default)]
pub(crate) struct Shortages {
    /// Boot clock.
    at: Duration,
    /// The list of updates that it was looked at for.
    of: Option<Timestamp>,
    sentences: BTreeMap<String, String>,
}

/// Owns what [`Facts`] borrow.
pub(super) struct Scene {
    snapshot: Arc<Snapshot>,
    settings: Arc<Settings>,
    calendar: Option<ota_core::Calendar>,
    started_at: Timestamp,
    gates: Gates,
    offers: Vec<OfferFacts>,
    restart: Option<(JobId, Option<UpdateKind>, Duration)>,
}

struct OfferFacts {
    release: Release,
    first_seen: Option<Timestamp>,
    downloaded: bool,
    shortage: Option<String>,
    failed_before: Option<String>,
    estimate: Duration,
}

impl Scene {
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
            started_at: self.started_at,
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
        let releases = || snapshot.catalog.iter().flat_map(|catalog| &catalog.releases);
        let shortages = self.shortages(&snapshot).await;
        let offers = releases().map(|release| self.offer(release, &snapshot, &open, &shortages)).collect();
        let restart = open.iter().find(|job| self.waits_for_restart(job)).map(|job| {
            let kind = match &job.work {
                Work::Release(release) => Some(release.kind),
                _ => None,
            };
            (job.id.clone(), kind, self.restart_estimate())
        });
        let gates = self.gates(&open);
        Scene { snapshot, settings, calendar, started_at: self.started_at, gates, offers, restart }
    }

    fn offer(
        &self,
        release: &Release,
        snapshot: &Snapshot,
        open: &[Job],
        shortages: &BTreeMap<String, String>,
    ) -> OfferFacts {
        let same = |job: &&Job| matches!(&job.work, Work::Release(other) if other.target == release.target);
        let downloaded = open.iter().filter(same).any(|job| matches!(job.state, JobState::Downloaded));
        let shortage = if downloaded { None } else { shortages.get(&release.id).cloned() };
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
            restart: auto_reboot,
            clear_for: self.parts.site.clear_for,
        };
        OfferFacts {
            release: release.clone(),
            first_seen: self.first_seen().get(&release.id).copied(),
            downloaded,
            shortage,
            failed_before: snapshot.tried.get(&release.version).cloned(),
            estimate: self.pace().estimate(&ahead),
        }
    }

    /// By id: the sentence about a release that there is no room for. Asked again from time to time only: a disk is slow, and who
    /// begins a download asks once more.
    async fn shortages(&self, snapshot: &Snapshot) -> BTreeMap<String, String> {
        let mut known = self.shortages.lock().await;
        let catalog = snapshot.catalog.as_ref();
        let (now, of) = (self.parts.clock.boot(), catalog.map(|catalog| catalog.checked_at));
        if known.of == of && now.saturating_sub(known.at) < SPACE_ROUND {
            return known.sentences.clone();
        }
        let mut sentences = BTreeMap::new();
        for release in catalog.iter().flat_map(|catalog| &catalog.releases) {
            let room = self.parts.fetcher.check_space(&release.target).await;
            if let Some(failure) = room.err().and_then(|error| error.failure()) {
                sentences.insert(release.id.clone(), failure.message);
            }
        }
        *known = Shortages { at: now, of, sentences };
        known.sentences.clone()
    }

    fn restart_estimate(&self) -> Duration {
        let ahead = Ahead { restart: true, clear_for: self.parts.site.clear_for, ..Ahead::default() };
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
        let snapshot = self.snapshot();
        let strategy = snapshot.strategy_refused(snapshot.settings.update_strategy);
        let download = operation(&Operation::Download { sha256: "", writes_slot: false });
        let install = operation(&Operation::Download { sha256: "", writes_slot: true });
        let others =
            open.iter().find(|job| !self.waits_for_restart(job) && job.state != JobState::Downloaded);
        let restart =
            others.map(|job| OtaError::Busy { holder: job.id.clone(), state: job.status() }.to_string());
        Gates {
            download: download.into_iter().chain(start.iter().cloned()).collect(),
            install: install.into_iter().chain(strategy).chain(start).collect(),
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
