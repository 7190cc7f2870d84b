//! A gateway for tests and a client that talks to its router.

mod client;
mod contract;
mod world;

pub use client::{Answer, Call};
pub use contract::{conforms, misfits};
pub use world::{CLOCK_PANICS, SIZE, World};

use http::Method;
use ota_core::{BySlot, ConstraintId, OverridePolicy, PinKind, Role, SlotId, SlotRecord};
use ota_engine::{Ota, Parts, Site, ports::Store};
use ota_platform::{
    BootOrderFiles, BundleShelf, FlagScheme, KeptBundlesConfig, SlotSnapshots, SnapshotsConfig, UbootConfig,
    UploadDirectory, UploadsConfig,
};
use ota_store::{SqliteStore, User};
use server::{
    auth::Lifetimes,
    debug_bundle::{DebugShelf, shown_configuration},
    http::{AppState, Options, router},
    metrics::Metrics,
};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, OnceLock, atomic::Ordering};
use std::time::Duration;
use tempfile::TempDir;

pub const GATEWAY: &str = "GW-3920A9";
pub const PASSWORD: &str = "demo-gateway";
pub const PIN: &str = "739281";
/// SHA-256 of [`SIZE`] zeros: what the slots' files hold.
const ZEROS: &str = "3b6a07d0d404fab4e23b6d34bc6696a6a312dd92821332385e5af7c01c421351";

pub struct Gateway {
    pub directory: TempDir,
    pub store: SqliteStore,
    pub world: Arc<World>,
    pub ota: Arc<Ota>,
    pub state: AppState,
    pub router: axum::Router,
}

impl Gateway {
    /// A gateway on v5.0.4 in slot A that has looked at its repository and its sensors.
    pub async fn ready() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(options: impl FnOnce(&mut Options)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(directory.path().join("gateway.db")).await.unwrap();
        provision(&store).await;
        let world = World::new(directory.path());
        Self::on(directory, store, (world, site()), options).await
    }

    /// A gateway that nobody can log in to.
    pub async fn untouched(options: impl FnOnce(&mut Options)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(directory.path().join("gateway.db")).await.unwrap();
        let world = World::new(directory.path());
        Self::on(directory, store, (world, site()), options).await
    }

    /// Sets the override PIN, as commissioning does.
    pub async fn set_pin(&self) {
        self.set_pin_of(PinKind::Override).await;
    }

    pub async fn set_pin_of(&self, kind: PinKind) {
        static HASH: OnceLock<String> = OnceLock::new();
        let hash = HASH.get_or_init(|| server::password::hash_pin(PIN).unwrap());
        self.store.put_pin(kind, hash).await.unwrap();
    }

    /// Another user with the password of all.
    pub async fn add_user(&self, name: &str, role: Role) {
        let password_hash = server::password::hash(PASSWORD).unwrap();
        let user = User { name: name.into(), role, password_hash, created_at: jiff::Timestamp::now() };
        self.store.add_user(&user).await.unwrap();
    }

    /// A gateway on a site with other rules.
    pub async fn on_site(change: impl FnOnce(&mut Site)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(directory.path().join("gateway.db")).await.unwrap();
        provision(&store).await;
        let mut site = site();
        change(&mut site);
        let world = World::new(directory.path());
        Self::on(directory, store, (world, site), |_| {}).await
    }

    /// The same gateway after a restart of the service.
    pub async fn restarted(self) -> Self {
        self.restarted_into(|_| {}).await
    }

    /// The same gateway after a restart into a world that `prepare` has changed.
    pub async fn restarted_into(self, prepare: impl FnOnce(&World)) -> Self {
        self.restarted_over(prepare, async |_| {}).await
    }

    /// The same, and something is done to the database meanwhile.
    pub async fn restarted_over(self, prepare: impl FnOnce(&World), change: impl AsyncFnOnce(&Path)) -> Self {
        let Self { directory, store, state, ota, router, .. } = self;
        state.close().await;
        ota.shutdown().await;
        drop((router, state, ota));
        store.close().await;
        let database = directory.path().join("gateway.db");
        change(&database).await;
        let store = SqliteStore::open(database).await.unwrap();
        let world = World::new(directory.path());
        prepare(&world);
        Self::on(directory, store, (world, site()), |_| {}).await
    }

    async fn on(
        directory: TempDir,
        store: SqliteStore,
        (world, site): (World, Site),
        change: impl FnOnce(&mut Options),
    ) -> Self {
        let world = Arc::new(world);
        let ota = Ota::open(parts(&world, &store, site, directory.path())).await.unwrap();
        let site = directory.path().join("site");
        world::build_site(&site);
        let mut options = Options::new(site);
        change(&mut options);
        let state = AppState::new(Arc::clone(&ota), store.clone(), options, None).await.unwrap();
        let router = router(state.clone());
        ota.start();
        let gateway = Self { directory, store, world, ota, state, router };
        gateway.until("it is ready", || gateway.ota.is_ready()).await;
        gateway
    }

    /// Waits for a condition.
    pub async fn until(&self, what: &str, condition: impl Fn() -> bool) {
        let wait = async {
            while !condition() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), wait).await.unwrap_or_else(|_| {
            let job = self.ota.snapshot().job.as_ref().map(|view| view.job.state.clone());
            panic!("never came: {what}; the job is {job:?}")
        });
    }

    /// The crane begins to move, and the gateway sees it.
    pub async fn crane_starts(&self) {
        self.world.crane_moves.store(true, Ordering::Relaxed);
        self.until("the crane is seen to move", || !self.ota.snapshot().safety.is_clear()).await;
    }

    /// The crane stands still, and the gateway sees it.
    pub async fn crane_stops(&self) {
        self.world.crane_moves.store(false, Ordering::Relaxed);
        self.until("the crane is seen to rest", || self.ota.snapshot().safety.is_clear()).await;
    }

    /// Waits until the shown job has this state.
    pub async fn until_job_is(&self, state: &str) {
        let is = || self.ota.snapshot().job.as_ref().is_some_and(|view| view.job.state.name() == state);
        self.until(state, is).await;
    }

    pub fn get(&self, path: &str) -> Call {
        Call::new(self.router.clone(), Method::GET, path)
    }

    pub fn post(&self, path: &str) -> Call {
        Call::new(self.router.clone(), Method::POST, path)
    }

    pub fn call(&self, method: Method, path: &str) -> Call {
        Call::new(self.router.clone(), method, path)
    }

    /// The token of a fresh session.
    pub async fn token(&self, user: &str) -> String {
        let body = serde_json::json!({ "username": user, "password": PASSWORD });
        let answer = self.post("/api/v1/auth/login").json(&body).send().await;
        answer.body()["data"]["token"].as_str().unwrap_or_else(|| panic!("{answer:?}")).to_owned()
    }

    /// A `GET` of the interface as a viewer.
    pub async fn read(&self, path: &str) -> Answer {
        self.get(path).bearer(&self.token("viewer").await).gateway(GATEWAY).send().await
    }

    /// A `POST` of the interface as an administrator.
    pub async fn command(&self, path: &str, body: &serde_json::Value) -> Answer {
        self.post(path).bearer(&self.token("admin").await).gateway(GATEWAY).json(body).send().await
    }

    /// A `POST` of the interface as an operator.
    pub async fn order(&self, path: &str, body: &serde_json::Value) -> Answer {
        self.post(path).bearer(&self.token("operator").await).gateway(GATEWAY).json(body).send().await
    }
}

fn site() -> Site {
    Site {
        id: GATEWAY.into(),
        model: "Univa-GW-Pro".into(),
        bootloader: "U-Boot 2024.01".into(),
        time_zone: "UTC".into(),
        notice: Some("Tests".into()),
        rollback_retries: 3,
        version_floor: None,
        check_interval: Some(Duration::from_secs(8 * 3600)),
        clear_for: Duration::ZERO,
        scrub_interval: Duration::from_secs(24 * 3600),
        constraints: ConstraintId::ALL.map(|id| (id, true)).into(),
        overrides: OverridePolicy {
            lasts: Duration::from_secs(900),
            second_person: false,
            never: [ConstraintId::UpsBattery].into(),
        },
    }
}

/// Snapshots, kept bundles and uploads are the product's own, in the gateway's directory.
fn parts(world: &Arc<World>, store: &SqliteStore, site: Site, directory: &Path) -> Parts {
    let place = |slot: SlotId| {
        let path = directory.join(format!("{slot}.img"));
        if !path.exists() {
            std::fs::File::create(&path).unwrap().set_len(SIZE).unwrap();
        }
        BTreeMap::from([("rootfs".to_owned(), path)])
    };
    let snapshots = SnapshotsConfig {
        directory: directory.join("snapshots"),
        places: BySlot { a: place(SlotId::A), b: place(SlotId::B) },
        writable: false,
        count: 3,
        bytes: u64::MAX,
        keep_free: 0,
    };
    let uploads = UploadsConfig {
        directory: directory.join("uploads"),
        quota: 8 << 20,
        longest: 4 << 20,
        keep: Duration::from_secs(3600),
        keep_unfinished: Duration::from_secs(3600),
    };
    let kept = KeptBundlesConfig { directory: directory.join("bundles"), count: 2 };
    let recovery = KeptBundlesConfig { directory: directory.join("recovery"), count: 1 };
    Parts {
        snapshots: Arc::new(SlotSnapshots::open(snapshots).unwrap()),
        kept: Arc::new(BundleShelf::open(kept).unwrap()),
        recovery: Arc::new(BundleShelf::open(recovery).unwrap()),
        components: world.clone(),
        recovery_slot: None,
        orders: Arc::new(BootOrderFiles::within(directory)),
        uploads: Arc::new(UploadDirectory::open(uploads).unwrap()),
        debug: Arc::new(debug_shelf(store, directory).open().unwrap()),
        site: Arc::new(site),
        clock: world.clone(),
        zones: jiff::tz::db().clone(),
        store: Arc::new(store.clone()),
        pins: Arc::new(store.clone()),
        secrets: Arc::new(server::password::Argon2Check),
        repository: world.clone(),
        fetcher: world.clone(),
        bundles: world.clone(),
        slots: world.clone(),
        boot: world.clone(),
        reboot: world.clone(),
        sensors: world.clone(),
        telemetry: world.clone(),
        health: world.checks.lock().unwrap().clone(),
    }
}

/// Its configuration and its boot environment hold secrets, as those of a careless site do.
fn debug_shelf(store: &SqliteStore, directory: &Path) -> DebugShelf {
    let environment = directory.join("uboot.env");
    if !environment.exists() {
        let text = directory.join("uboot.txt");
        std::fs::write(&text, "BOOT_ORDER=A B\nwifi_password=it is planted-in-the-environment\n").unwrap();
        let mut make = std::process::Command::new("mkenvimage");
        make.args(["-s", "4096", "-o"]).arg(&environment).arg(text);
        assert!(make.status().unwrap().success());
    }
    let settings = directory.join("fw_env.config");
    std::fs::write(&settings, format!("{} 0x0 0x1000\n", environment.display())).unwrap();
    let mut configuration = server::config::Config::default();
    configuration.repository.metadata_url = "https://name:p@planted-in-the-configuration@host/".to_owned();
    DebugShelf {
        directory: directory.join("debug"),
        keep: Duration::from_secs(3600),
        count: 2,
        store: store.clone(),
        configuration: shown_configuration(&configuration).unwrap(),
        keep_free: 0,
        environment: UbootConfig {
            environment: settings,
            scheme: FlagScheme::Counter,
            lock_file: directory.join("fw_printenv.lock"),
        },
        service_log: Some(server::service_log::ServiceLog::within(directory.join("log"), 1_000_000)),
        metrics: metrics(),
    }
}

/// One recorder for all gateways of this process.
fn metrics() -> Option<Metrics> {
    static METRICS: OnceLock<Option<Metrics>> = OnceLock::new();
    METRICS.get_or_init(|| Metrics::install().ok()).clone()
}

async fn provision(store: &SqliteStore) {
    static HASH: OnceLock<String> = OnceLock::new();
    let hash = HASH.get_or_init(|| server::password::hash(PASSWORD).unwrap());
    for role in Role::ALL {
        let name = role.as_str().to_owned();
        let created_at = jiff::Timestamp::now();
        store.add_user(&User { name, role, password_hash: hash.clone(), created_at }).await.unwrap();
    }
    for (slot, version) in [(SlotId::A, "v5.0.4"), (SlotId::B, "v5.0.3")] {
        let record = SlotRecord {
            version: version.into(),
            kernel: "6.1.33-LTS".into(),
            image_bytes: 64 << 20,
            sha256: ZEROS.to_owned(),
            bundle: None,
            installed_at: jiff::Timestamp::UNIX_EPOCH,
            good: true,
        };
        store.put_slot_record(slot, &record).await.unwrap();
    }
}

/// Sessions that end at once when nobody uses them for `idle` seconds.
pub fn short_sessions(idle: i64) -> Lifetimes {
    Lifetimes { idle: jiff::SignedDuration::from_secs(idle), ..Lifetimes::default() }
}
