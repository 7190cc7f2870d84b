//! The world beyond the engine's ports: a boot environment, slots, a repository and sensors in memory.

use async_trait::async_trait;
use ota_core::{
    ArmGate, BootSelection, Bundle, Clearance, ComponentPlace, ConstraintId, ConstraintState, FailureCode,
    ImageFacts, Reading, RebootGate, Release, Running, Severity, SlotId, TargetFile, UpdateKind, WriteGate,
};
use ota_engine::ports::{
    BootEnvironment, Bundles, Clock, ComponentImage, ComponentView, Components, Fetcher, HealthCheck,
    ImageSource, Meter, PermittedChange, ReadBack, Reboot, Repository, RepositoryError, ResourceUse, Sensors,
    SlotUsage, Slots, StepError, Telemetry,
};
use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;

pub const SIZE: u64 = 64 << 20;

pub struct World {
    staging: PathBuf,
    began: Instant,
    boot: Mutex<BootSelection>,
    /// Downloads stay where they are until they are cancelled.
    pub downloads_hang: AtomicBool,
    /// Bytes of a slot after which writing stays where it is until it is cancelled.
    pub writes_hang_at: Mutex<Option<u64>>,
    /// The look at the free space takes until this is taken back.
    pub space_hangs: AtomicBool,
    pub space_asked: AtomicBool,
    /// The look at the free space panics.
    pub space_panics: AtomicBool,
    /// The boot environment can be read only.
    pub boot_read_only: AtomicBool,
    /// The gateway has been started from slot B.
    pub runs_from_b: AtomicBool,
    pub repository_down: AtomicBool,
    /// Verifications of uploads do not end.
    pub verifications_hang: AtomicBool,
    pub is_verifying: AtomicBool,
    /// A slot is not what was written to it.
    pub slots_differ: AtomicBool,
    pub slots_unreadable: AtomicBool,
    /// Comparing a slot takes until this is taken back.
    pub comparisons_hang: AtomicBool,
    pub is_comparing: AtomicBool,
    /// Times that a slot was compared.
    pub compared: AtomicU32,
    pub crane_moves: AtomicBool,
    pub network_down: AtomicBool,
    /// The crane starts as soon as slot B is next.
    pub crane_starts_when_armed: AtomicBool,
    pub reboots: AtomicU32,
    /// What is shown beside the system.
    pub components: Mutex<Vec<ComponentView>>,
    /// What a trial asks.
    pub checks: Mutex<Vec<Arc<dyn HealthCheck>>>,
    /// Changes of the boot environment.
    pub commits: AtomicU32,
    /// Seconds that the wall clock was set forward or back by.
    pub wall_jump: AtomicI64,
    /// Seconds that have passed without anybody waiting for them.
    pub skipped: AtomicU64,
}

impl World {
    pub fn new(staging: &Path) -> Self {
        Self {
            staging: staging.to_owned(),
            began: Instant::now(),
            boot: Mutex::new(BootSelection::from_variables(Some("A B"), Some("3"), Some("3"))),
            downloads_hang: AtomicBool::new(false),
            writes_hang_at: Mutex::new(None),
            space_hangs: AtomicBool::new(false),
            space_asked: AtomicBool::new(false),
            space_panics: AtomicBool::new(false),
            boot_read_only: AtomicBool::new(false),
            runs_from_b: AtomicBool::new(false),
            repository_down: AtomicBool::new(false),
            verifications_hang: AtomicBool::new(false),
            is_verifying: AtomicBool::new(false),
            slots_differ: AtomicBool::new(false),
            slots_unreadable: AtomicBool::new(false),
            comparisons_hang: AtomicBool::new(false),
            is_comparing: AtomicBool::new(false),
            compared: AtomicU32::new(0),
            crane_moves: AtomicBool::new(false),
            network_down: AtomicBool::new(false),
            crane_starts_when_armed: AtomicBool::new(false),
            reboots: AtomicU32::new(0),
            components: Mutex::default(),
            checks: Mutex::default(),
            commits: AtomicU32::new(0),
            wall_jump: AtomicI64::new(0),
            skipped: AtomicU64::new(0),
        }
    }
}

impl World {
    /// The boot loader took one try of slot A.
    pub fn start_a_once_more(&self) {
        self.boot.lock().unwrap().left.a -= 1;
    }
}

/// What a build leaves.
pub fn build_site(site: &Path) {
    let package = site.join("pkg");
    std::fs::create_dir_all(&package).unwrap();
    for file in [
        "gateway-ota.0123456789abcdef.js",
        "gateway-ota.0123456789abcdef.wasm",
        "gateway-ota.0123456789abcdef.css",
    ] {
        std::fs::write(package.join(file), "content").unwrap();
        std::fs::write(package.join(format!("{file}.br")), "brotli").unwrap();
    }
    std::fs::write(site.join("favicon.svg"), "<svg/>").unwrap();
}

fn release(id: &str, version: &str, kind: UpdateKind, severity: Severity) -> Release {
    Release {
        id: id.into(),
        version: version.into(),
        kind,
        severity,
        released: "2025-03-15".into(),
        description: "A release".into(),
        changelog: vec!["A change".into()],
        compatible: vec!["Univa-GW-Pro".into()],
        kernel: Some("6.1.34-LTS".into()),
        waves: vec![],
        target: TargetFile { name: format!("{version}.raucb"), length: 452_000_000, sha256: id.repeat(6) },
    }
}

tokio::task_local! {
    /// In a task that has it, the clock panics.
    pub static CLOCK_PANICS: ();
}

impl Clock for World {
    fn now(&self) -> jiff::Timestamp {
        assert!(CLOCK_PANICS.try_get().is_err(), "the clock panics, as ordered");
        let passed = self.skipped.load(Ordering::Relaxed).cast_signed();
        jiff::Timestamp::now()
            + jiff::SignedDuration::from_secs(self.wall_jump.load(Ordering::Relaxed) + passed)
    }
    fn boot(&self) -> Duration {
        Duration::from_secs(19 * 86_400 + self.skipped.load(Ordering::Relaxed)) + self.began.elapsed()
    }
}

#[async_trait]
impl Repository for World {
    fn location(&self) -> &str {
        "http://127.0.0.1:3100/repository"
    }
    async fn check(&self) -> Result<Vec<Release>, RepositoryError> {
        if self.repository_down.load(Ordering::Relaxed) {
            let (message, detail) = ("The repository cannot be reached.".into(), "secret detail".into());
            return Err(RepositoryError { message, detail });
        }
        Ok(vec![
            release("update-000", "v5.0.2", UpdateKind::Bugfix, Severity::Low),
            release("update-001", "v5.0.5", UpdateKind::Security, Severity::Critical),
            release("update-002", "v5.1.0", UpdateKind::Feature, Severity::Medium),
        ])
    }
}

#[async_trait]
impl Fetcher for World {
    async fn check_space(&self, _: &TargetFile) -> Result<(), StepError> {
        self.space_asked.store(true, Ordering::Relaxed);
        assert!(!self.space_panics.load(Ordering::Relaxed), "the look at the free space panics, as ordered");
        while self.space_hangs.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Ok(())
    }
    async fn fetch(
        &self,
        target: &TargetFile,
        meter: &Meter,
        cancel: &CancellationToken,
    ) -> Result<PathBuf, StepError> {
        meter.begin(target.length / 2, target.length);
        if self.downloads_hang.load(Ordering::Relaxed) {
            cancel.cancelled().await;
            return Err(StepError::Cancelled);
        }
        Ok(self.staging.join(&target.name))
    }
    async fn staged(&self, _: &TargetFile) -> Result<Option<PathBuf>, StepError> {
        Ok(None)
    }
    async fn sweep(&self, _: &[TargetFile]) -> Result<(), StepError> {
        Ok(())
    }
}

#[async_trait]
impl Bundles for World {
    async fn examine(
        &self,
        path: PathBuf,
        meter: &Meter,
        cancel: &CancellationToken,
    ) -> Result<(Bundle, Option<String>), StepError> {
        self.is_verifying.store(true, Ordering::Relaxed);
        while self.verifications_hang.load(Ordering::Relaxed) {
            if cancel.is_cancelled() {
                return Err(StepError::Cancelled);
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let bundle = self.verify(path, meter, cancel).await?;
        let foreign = bundle.version.starts_with("foreign").then(|| "it is built for Other.".to_owned());
        Ok((bundle, foreign))
    }
    async fn verify(&self, path: PathBuf, _: &Meter, _: &CancellationToken) -> Result<Bundle, StepError> {
        let image = ImageFacts { class: "rootfs".into(), size: SIZE, sha256: "11".repeat(32) };
        // An uploaded file says in its first line what it is; a download is known by its name.
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        if text.starts_with("unsigned") {
            let message = "Nobody whom this gateway trusts has signed the update.";
            return Err(StepError::failed(FailureCode::SignatureFailed, message, "as ordered"));
        }
        let named = text.lines().next().map(str::to_owned);
        let stem = || path.file_stem().unwrap().to_string_lossy().into_owned();
        Ok(Bundle {
            version: named.unwrap_or_else(stem),
            compatible: "Univa-GW-Pro".into(),
            kernel: None,
            signer: "CN=signer".into(),
            images: vec![image],
        })
    }
}

#[async_trait]
impl Slots for World {
    fn running(&self) -> Running {
        Running::Slot(if self.runs_from_b.load(Ordering::Relaxed) { SlotId::B } else { SlotId::A })
    }
    async fn usage(&self, _: SlotId) -> Result<SlotUsage, StepError> {
        Ok(SlotUsage { size: SIZE, used: Some(SIZE / 2) })
    }
    async fn check_fit(&self, _: SlotId, _: &Bundle) -> Result<(), StepError> {
        Ok(())
    }
    async fn write(
        &self,
        slot: SlotId,
        _: ImageSource,
        _: &Bundle,
        _: Clearance<WriteGate>,
        meter: &Meter,
        cancel: &CancellationToken,
    ) -> Result<(), StepError> {
        assert_ne!(Some(slot), self.running().slot(), "the running slot is never written");
        let hang_at = *self.writes_hang_at.lock().unwrap();
        if let Some(bytes) = hang_at {
            meter.set(bytes);
            cancel.cancelled().await;
            return Err(StepError::Cancelled);
        }
        Ok(())
    }
    async fn read_back(
        &self,
        slot: SlotId,
        _: &Bundle,
        _: &Meter,
        _: &CancellationToken,
    ) -> Result<ReadBack, StepError> {
        self.is_comparing.store(true, Ordering::Relaxed);
        while self.comparisons_hang.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        if self.slots_unreadable.load(Ordering::Relaxed) {
            return Err(StepError::failed(
                FailureCode::InstallFailed,
                "The slot cannot be read.",
                "as ordered",
            ));
        }
        if self.slots_differ.load(Ordering::Relaxed) {
            let message = "The slot does not hold what was written to it.";
            return Err(StepError::Differs { message: message.to_owned(), detail: "as ordered".to_owned() });
        }
        self.compared.fetch_add(1, Ordering::Relaxed);
        Ok(ReadBack::proven(slot))
    }
    fn judged_by_record(&self, _: SlotId) -> Option<ReadBack> {
        None
    }
    async fn write_mark(&self, _: SlotId) -> Result<Option<String>, StepError> {
        Ok(Some("untouched".to_owned()))
    }
}

/// It shows components and installs none.
#[async_trait]
impl Components for World {
    fn names(&self) -> &[String] {
        &[]
    }
    fn checks(&self, _: &str) -> &[Arc<dyn HealthCheck>] {
        &[]
    }
    async fn list(&self) -> Result<Vec<ComponentView>, StepError> {
        Ok(self.components.lock().unwrap().clone())
    }
    async fn check_fit(&self, _: &ComponentImage) -> Result<(), StepError> {
        Err(no_component())
    }
    async fn write(
        &self,
        _: &ComponentImage,
        _: PathBuf,
        _: Clearance<WriteGate>,
        _: &Meter,
        _: &CancellationToken,
    ) -> Result<(), StepError> {
        Err(no_component())
    }
    async fn read_back(&self, _: &ComponentImage, _: &Meter, _: &CancellationToken) -> Result<(), StepError> {
        Err(no_component())
    }
    async fn activate(&self, _: &ComponentImage, _: Clearance<ArmGate>) -> Result<(), StepError> {
        Err(no_component())
    }
    async fn put_back(
        &self,
        _: &str,
        _: Option<ComponentPlace>,
        _: Clearance<ArmGate>,
    ) -> Result<Result<(), String>, StepError> {
        Err(no_component())
    }
}

fn no_component() -> StepError {
    StepError::failed(FailureCode::InvalidImage, "This gateway has no components.", "as ordered")
}

#[async_trait]
impl BootEnvironment for World {
    async fn read(&self) -> Result<BootSelection, StepError> {
        Ok(self.boot.lock().unwrap().clone())
    }
    async fn commit(&self, change: PermittedChange) -> Result<BootSelection, StepError> {
        if self.boot_read_only.load(Ordering::Relaxed) {
            let message = "The boot environment cannot be written.";
            return Err(StepError::failed(FailureCode::InstallFailed, message, "read-only, as ordered"));
        }
        self.commits.fetch_add(1, Ordering::Relaxed);
        let mut boot = self.boot.lock().unwrap();
        *boot = boot.clone().with(change.change());
        if boot.next_boot() == Some(SlotId::B) && self.crane_starts_when_armed.load(Ordering::Relaxed) {
            self.crane_moves.store(true, Ordering::Relaxed);
        }
        Ok(boot.clone())
    }
}

#[async_trait]
impl Reboot for World {
    fn boot_id(&self) -> String {
        "11111111-2222-3333-4444-555555555555".into()
    }
    async fn reboot(&self, _: Clearance<RebootGate>) -> Result<(), StepError> {
        self.reboots.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

impl Sensors for World {
    fn latest(&self) -> Vec<Reading> {
        let moves = self.crane_moves.load(Ordering::Relaxed);
        let offline = self.network_down.load(Ordering::Relaxed);
        let reading = |constraint| {
            let (blocks, status) = match constraint {
                ConstraintId::CraneMotion if moves => (true, "moving"),
                ConstraintId::Network if offline => (true, "offline"),
                _ => (false, "idle"),
            };
            Reading {
                constraint,
                state: if blocks { ConstraintState::Blocking } else { ConstraintState::Clear },
                status: status.into(),
                level: (constraint == ConstraintId::UpsBattery).then_some(85.0),
                threshold: (constraint == ConstraintId::UpsBattery).then_some(30.0),
                source: "plant".into(),
                reason: if !blocks {
                    "Clear."
                } else if offline {
                    "There is no network."
                } else {
                    "The crane is moving."
                }
                .into(),
                at: self.boot(),
                max_age: Duration::from_secs(5),
                clears_in: None,
            }
        };
        ConstraintId::ALL.map(reading).into()
    }
}

impl Telemetry for World {
    fn resources(&self) -> ResourceUse {
        ResourceUse { cpu: 15.24, memory: 52.49 }
    }
    fn kernel(&self) -> String {
        "6.1.33-LTS".into()
    }
}
