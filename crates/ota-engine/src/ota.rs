//! The engine's state, its start and its end.

use arc_swap::ArcSwap;
use jiff::Timestamp;
use ota_core::{
    BootSelection, BySlot, Job, JobKind, JobState, OverrideDesk, Pace, Phase, Repeats, SafetyMonitor,
    ScheduleState, SlotHealth,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::sync::{Notify, broadcast, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::Instrument;

use crate::{
    CheckState, Event, OpenError, Parts, SlotView, Snapshot,
    automatic::Shortages,
    check::CheckLane,
    job_log,
    pins::PinLocks,
    ports::{Fact, LogEntry, LogLevel, LogPage, LogQuery, SlotUsage, StoreError},
    resumable::FinishedUploads,
    runner::Drivers,
    scrub::Scrub,
};

/// Messages that a slow listener may be behind before it has to read everything again.
const BUS_CAPACITY: usize = 256;
/// Jobs that are looked through for versions that failed here.
const REMEMBERED_JOBS: u32 = 50;

/// The engine.
pub struct Ota {
    pub(crate) parts: Parts,
    snapshot: ArcSwap<Snapshot>,
    events: broadcast::Sender<Event>,
    /// Whoever writes into the activity log holds this until it is told: listeners hear of entries in the order of their numbers.
    log_lane: Arc<tokio::sync::Mutex<()>>,
    /// The jobs that have not ended. Whoever changes one holds this lock until the change is durable.
    pub(crate) desk: tokio::sync::Mutex<Vec<Job>>,
    pub(crate) drivers: Mutex<Drivers>,
    pub(crate) monitor: Mutex<SafetyMonitor>,
    pub(crate) overrides: Mutex<OverrideDesk>,
    /// Whoever begins or ends an override holds this until it is on record. Taken after the desk, where both are.
    pub(crate) override_lane: tokio::sync::Mutex<()>,
    pub(crate) reboot_lane: tokio::sync::Mutex<()>,
    pub(crate) pin_locks: tokio::sync::Mutex<PinLocks>,
    /// Counts the safety watch's rounds, for those who wait for a change.
    pub(crate) safety_round: watch::Sender<u64>,
    /// Refusals that were recorded or counted of late.
    pub(crate) repeats: Mutex<Repeats>,
    pub(crate) check_lane: tokio::sync::Mutex<CheckLane>,
    /// Something has changed that the gateway decides by.
    pub(crate) reconsider: Notify,
    /// What was done by itself. Changed by [`Ota::remember`] alone.
    pub(crate) schedule: tokio::sync::Mutex<ScheduleState>,
    /// Whoever changes the settings holds this from the comparison to the end.
    pub(crate) settings_lane: tokio::sync::Mutex<()>,
    pub(crate) shortages: tokio::sync::Mutex<Shortages>,
    pub(crate) pace: Mutex<Pace>,
    pub(crate) first_check_done: AtomicBool,
    pub(crate) reconciled: AtomicBool,
    /// What comes was worked out once from everything that it depends on.
    pub(crate) foreseen: AtomicBool,
    /// Held while the recovery slot is written; a restart waits for that.
    pub(crate) recovery_lane: tokio::sync::Mutex<()>,
    /// Whoever reads what is kept on the disk holds this until it is shown: no older reading takes the place of a newer one.
    pub(crate) view_lane: tokio::sync::Mutex<()>,
    /// One upload is looked at at a time.
    pub(crate) verify_lane: tokio::sync::Mutex<()>,
    /// What became of uploads that came in parts, for those who did not hear it.
    pub(crate) finished_uploads: Mutex<FinishedUploads>,
    /// Snapshots that are being removed. Looked at with the desk held: none of them begins to be restored.
    pub(crate) departing: Mutex<BTreeSet<String>>,
    /// Whoever orders a debug bundle holds this until it is begun.
    pub(crate) debug_lane: tokio::sync::Mutex<()>,
    /// What is known about the bytes of the other slot.
    pub(crate) scrub: Mutex<Scrub>,
    pub(crate) stop: CancellationToken,
    pub(crate) tasks: TaskTracker,
}

impl Ota {
    /// Loads the durable state. Nothing runs before [`Ota::start`].
    ///
    /// # Errors
    /// [`OpenError`] when the store cannot be read.
    pub async fn open(parts: Parts) -> Result<Arc<Self>, OpenError> {
        let jobs = parts.store.open_jobs().await?;
        let monitor = SafetyMonitor::new(parts.site.constraints.iter().copied(), parts.site.clear_for);
        let overrides = OverrideDesk::new(parts.site.overrides.clone());
        let snapshot = Self::first_snapshot(&parts, &monitor).await?;
        let schedule = Self::remembered_schedule(parts.store.as_ref(), parts.clock.now()).await?;
        let pace = Self::remembered_pace(parts.store.as_ref()).await?;
        let ota = Arc::new(Self {
            parts,
            snapshot: ArcSwap::from_pointee(snapshot),
            events: broadcast::Sender::new(BUS_CAPACITY),
            log_lane: Arc::default(),
            desk: tokio::sync::Mutex::new(jobs),
            drivers: Mutex::default(),
            departing: Mutex::default(),
            debug_lane: tokio::sync::Mutex::default(),
            recovery_lane: tokio::sync::Mutex::default(),
            monitor: Mutex::new(monitor),
            overrides: Mutex::new(overrides),
            override_lane: tokio::sync::Mutex::default(),
            reboot_lane: tokio::sync::Mutex::default(),
            pin_locks: tokio::sync::Mutex::default(),
            safety_round: watch::Sender::new(0),
            repeats: Mutex::default(),
            check_lane: tokio::sync::Mutex::default(),
            reconsider: Notify::new(),
            schedule: tokio::sync::Mutex::new(schedule),
            settings_lane: tokio::sync::Mutex::default(),
            shortages: tokio::sync::Mutex::default(),
            pace: Mutex::new(pace),
            first_check_done: AtomicBool::new(false),
            reconciled: AtomicBool::new(false),
            foreseen: AtomicBool::new(false),
            view_lane: tokio::sync::Mutex::default(),
            verify_lane: tokio::sync::Mutex::default(),
            finished_uploads: Mutex::default(),
            scrub: Mutex::default(),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        });
        ota.lock_pins().await?;
        ota.override_ended_by_restart().await?;
        ota.show_newest_job().await?;
        ota.refresh_recovery().await;
        ota.refresh_uploads().await;
        ota.refresh_slots(&ota.desk.lock().await).await;
        Ok(ota)
    }

    async fn first_snapshot(parts: &Parts, monitor: &SafetyMonitor) -> Result<Snapshot, StoreError> {
        let store = &parts.store;
        let catalog = store.catalog().await?.map(Arc::new);
        let recent = store.recent_jobs(REMEMBERED_JOBS).await?;
        let last_ota = store.fact(Fact::LastOta).await?.and_then(|text| text.parse().ok());
        let empty = || SlotView { record: None, usage: SlotUsage::default(), health: SlotHealth::Empty };
        Ok(Snapshot {
            site: parts.site.clone(),
            running: parts.slots.running(),
            boot: BootSelection { order: Vec::new(), left: BySlot::default(), recovery: None },
            slots: Arc::new(BySlot { a: empty(), b: empty() }),
            components: Arc::default(),
            kernel: parts.telemetry.kernel().into(),
            uptime: parts.clock.boot(),
            last_ota,
            check: CheckState {
                server: parts.repository.location().into(),
                last: catalog.as_ref().map(|catalog| catalog.checked_at),
                ..CheckState::default()
            },
            catalog,
            settings: Arc::new(store.settings().await?),
            outlook: Arc::default(),
            first_seen: Arc::new(first_seen(store.fact(Fact::FirstSeen).await?)),
            safety: Arc::new(monitor.verdict(Phase::Start, None, parts.clock.boot())),
            may_start: false,
            force: Arc::default(),
            job: None,
            recovery: Arc::default(),
            uploads: Arc::default(),
            debug: Arc::default(),
            last_failures: Arc::new(ends(&recent, job_log::failure)),
            tried: Arc::new(ends(&recent, job_log::deterrent)),
            brought: Arc::new(brought(&recent)),
            resources: parts.telemetry.resources(),
            in_place_bar: crate::in_place::bar(parts).await,
        })
    }

    /// Takes up the work: reconciles the jobs with the boot environment, resumes them, and starts the schedules. Call it once
    /// the server listens, because a trial asks the server whether it is well.
    pub fn start(self: &Arc<Self>) {
        self.tasks.spawn(Arc::clone(self).watch_safety());
        self.tasks.spawn(Arc::clone(self).watch_resources());
        self.tasks.spawn(Arc::clone(self).watch_progress());
        self.tasks.spawn(Arc::clone(self).count_refusals());
        self.tasks.spawn(Arc::clone(self).reconcile());
        self.tasks.spawn(Arc::clone(self).act_by_itself());
        self.tasks.spawn(Arc::clone(self).scrub_on_schedule());
        self.tasks.spawn(Arc::clone(self).expire_uploads());
        self.tasks.spawn(Arc::clone(self).expire_debug_bundles());
    }

    /// Ends all work at its next safe point. Jobs stay as they are and go on at the next start.
    pub async fn shutdown(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// The wall clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }

    /// The state of the moment.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Everything that happens from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// True when the jobs are reconciled, the repository was asked once, every enabled constraint has had a reading, and what comes was
    /// worked out from all that.
    pub fn is_ready(&self) -> bool {
        self.foreseen.load(Ordering::Acquire)
    }

    /// Whether everything is known that [`Ota::look_ahead`] starts from.
    pub(crate) fn has_its_bearings(&self) -> bool {
        let snapshot = self.snapshot.load();
        let read = snapshot.safety.assessments.iter().all(|a| !a.enabled || a.source != "none");
        read && self.reconciled.load(Ordering::Acquire) && self.first_check_done.load(Ordering::Acquire)
    }

    /// Writes a line into the activity log. A store that cannot take it is not a reason to stop.
    pub async fn log(&self, level: LogLevel, source: &str, message: impl Into<String>) {
        let mut entry = LogEntry {
            id: None,
            at: self.parts.clock.now(),
            level,
            source: source.to_owned(),
            message: message.into(),
        };
        match level {
            LogLevel::Error => tracing::error!(source, "{}", entry.message),
            LogLevel::Warning => tracing::warn!(source, "{}", entry.message),
            LogLevel::Info => tracing::info!(source, "{}", entry.message),
            LogLevel::Debug => tracing::debug!(source, "{}", entry.message),
        }
        let (lane, store) = (Arc::clone(&self.log_lane), Arc::clone(&self.parts.store));
        let events = self.events.clone();
        // A task of its own: whoever waits for it may go away, and what is stored is told all the same.
        let write = async move {
            let _lane = lane.lock().await;
            match store.append_log(&entry).await {
                Ok(id) => entry.id = Some(id),
                Err(error) => tracing::error!(%error, "the activity log cannot be written"),
            }
            // No listener is no error.
            _ = events.send(Event::Log(entry));
        };
        if let Err(error) = self.tasks.spawn(write.in_current_span()).await {
            tracing::error!(%error, "the activity log was not written");
        }
    }

    /// Entries of the activity log, newest first.
    ///
    /// # Errors
    /// [`crate::OtaError::Store`].
    pub async fn logs(&self, query: &LogQuery) -> Result<LogPage, crate::OtaError> {
        Ok(self.parts.store.logs(query).await?)
    }

    pub(crate) fn update(&self, change: impl Fn(&mut Snapshot)) {
        self.snapshot.rcu(|current| {
            let mut next = Snapshot::clone(current);
            change(&mut next);
            next
        });
    }

    pub(crate) fn tell(&self, event: Event) {
        // No listener is no error.
        _ = self.events.send(event);
    }

    pub(crate) async fn remember_failures(&self) {
        match self.parts.store.recent_jobs(REMEMBERED_JOBS).await {
            Ok(recent) => {
                let failures = Arc::new(ends(&recent, job_log::failure));
                let tried = Arc::new(ends(&recent, job_log::deterrent));
                let brought = Arc::new(brought(&recent));
                self.update(|snapshot| {
                    snapshot.brought = Arc::clone(&brought);
                    snapshot.last_failures = Arc::clone(&failures);
                    snapshot.tried = Arc::clone(&tried);
                });
                self.reconsider.notify_one();
            }
            Err(error) => tracing::error!(%error, "the job history cannot be read"),
        }
    }

    pub(crate) fn drivers(&self) -> MutexGuard<'_, Drivers> {
        self.drivers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The newest end of each version as `say` has it, where that says anything. `recent` is newest first.
fn ends(recent: &[Job], say: fn(&JobState) -> Option<String>) -> BTreeMap<String, String> {
    newest_ends(recent).filter_map(|job| Some((job.work.version().to_owned(), say(&job.state)?))).collect()
}

/// The components of what was confirmed and came without a system. A job that has left the history is forgotten: its release is
/// offered again, and finds its components there.
fn brought(recent: &[Job]) -> BTreeMap<String, Vec<String>> {
    let components = |job: &Job| {
        let alone = job.state == JobState::Committed && !job.has_come_to_slot();
        let turns = job.turns.as_ref().filter(|_| alone)?;
        Some((job.work.version().to_owned(), turns.iter().map(|turn| turn.name.clone()).collect()))
    };
    newest_ends(recent).filter_map(components).collect()
}

/// Of each version the update that ended last.
fn newest_ends(recent: &[Job]) -> impl Iterator<Item = &Job> {
    let mut seen = BTreeSet::new();
    let updates = recent.iter().filter(|job| job.work.kind() == JobKind::Update && job.state.is_ended());
    updates.filter(move |job| seen.insert(job.work.version()))
}

/// Where it cannot be understood, every release is seen for the first time.
fn first_seen(saved: Option<String>) -> BTreeMap<String, Timestamp> {
    saved.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}
