//! From the configuration to the adapters behind the engine's ports.

mod components;
mod health;
mod sensors;

pub use components::components;

use crate::config::{Config, Purpose, RebootBy, Scheme};
use crate::debug_bundle::{DebugShelf, shown_configuration};
use crate::metrics::Metrics;
use crate::password::Argon2Check;
use crate::service_log::ServiceLog;
use ota_core::{BySlot, ConstraintId, OverridePolicy, Running, SlotId};
use ota_engine::ports::{Clock, Reboot, RecoverySlot, Store};
use ota_engine::{Parts, Site, SlotStart};
use ota_platform as platform;
use ota_store::SqliteStore;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// An adapter that cannot be made from the configuration: what it is, and every cause.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {causes}")]
pub struct WiringError {
    what: &'static str,
    causes: String,
}

/// For `map_err`.
fn failed<E: std::error::Error>(what: &'static str) -> impl FnOnce(E) -> WiringError {
    move |error| WiringError { what, causes: causes(&error) }
}

/// An error with all that it came from.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    text
}

/// The database file.
#[must_use]
pub fn database(data_dir: &Path) -> PathBuf {
    data_dir.join("gateway.db")
}

/// Makes the data directory, for its owner and group only, where it is missing.
///
/// # Errors
/// When it cannot be made.
pub fn prepare_directory(data_dir: &Path) -> Result<(), WiringError> {
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o750).create(data_dir);
    made.map_err(|error| WiringError {
        what: "cannot make the data directory",
        causes: format!("{}: {error}", data_dir.display()),
    })
}

/// What runs.
///
/// # Errors
/// When the kernel's command line does not say it.
pub fn running(config: &Config) -> Result<Running, WiringError> {
    platform::booted_slot(&config.boot.cmdline).map_err(failed("cannot tell which slot runs"))
}

/// Where the boot environment is.
#[must_use]
pub fn environment(config: &Config) -> platform::UbootConfig {
    platform::UbootConfig {
        environment: config.boot.environment.clone(),
        scheme: match config.boot.flag_scheme {
            Scheme::Counter => platform::FlagScheme::Counter,
            Scheme::Boolean => platform::FlagScheme::Boolean,
        },
        lock_file: config.boot.lock_file.clone(),
    }
}

/// The modelled hardware, for a gateway that has none.
#[must_use]
pub fn boot_model(config: &Config) -> platform::BootModelConfig {
    platform::BootModelConfig {
        environment: environment(config),
        slots: BySlot { a: config.slots.a.rootfs.clone(), b: config.slots.b.rootfs.clone() },
        recovery: config.slots.r.as_ref().map(|slot| slot.rootfs.clone()),
        cmdline: config.boot.cmdline.clone(),
        boot_id: config.boot.boot_id.clone(),
        log: config.boot.boot_id.with_file_name("boot.log"),
        rollback_retries: config.boot.rollback_retries,
    }
}

/// Who is trusted to sign bundles.
///
/// # Errors
/// When the keyring cannot be used.
pub fn bundles(config: &Config) -> Result<platform::RaucBundles, WiringError> {
    let trust = platform::TrustConfig {
        keyring: config.trust.keyring.clone(),
        purpose: match config.trust.purpose {
            Purpose::SmimeSign => platform::Purpose::SmimeSign,
            Purpose::CodeSign => platform::Purpose::CodeSign,
        },
        allow_hooks: config.trust.allow_hooks,
        compatible: config.gateway.model.clone(),
        version_floor: config.trust.version_floor.clone(),
    };
    platform::RaucBundles::new(trust).map_err(failed("cannot verify bundles"))
}

/// Block device or file of a slot's root image.
#[must_use]
pub fn root(config: &Config, slot: SlotId) -> &Path {
    match slot {
        SlotId::A => &config.slots.a.rootfs,
        SlotId::B => &config.slots.b.rootfs,
    }
}

/// What a start of the gateway needs to write a slot before it is mounted.
///
/// # Errors
/// [`WiringError`] for the first adapter that cannot be made.
pub fn slot_start(config: &Config, store: &SqliteStore, boot_id: String) -> Result<SlotStart, WiringError> {
    let bundles = bundles(config)?;
    let policy = bundles.policy().map_err(failed("cannot verify bundles"))?;
    let snapshots =
        platform::SlotSnapshots::open(snapshots(config)).map_err(failed("cannot use the snapshots"))?;
    let slots = platform::DeviceSlots::before_mount(slots(config, policy, &snapshots));
    let boot = platform::UbootEnvironment::open(&environment(config));
    Ok(SlotStart {
        store: Arc::new(store.clone()),
        bundles: Arc::new(bundles),
        slots: Arc::new(slots.map_err(failed("cannot tell which slot starts"))?),
        snapshots: Arc::new(snapshots),
        boot: Arc::new(boot.map_err(failed("cannot find the boot environment"))?),
        orders: Arc::new(platform::BootOrderFiles::within(&config.data_dir)),
        clock: Arc::new(platform::SystemClock),
        boot_id,
        tries: config.boot.rollback_retries,
    })
}

fn slots(
    config: &Config,
    policy: platform::Policy,
    snapshots: &platform::SlotSnapshots,
) -> platform::SlotsConfig {
    platform::SlotsConfig {
        places: places(config),
        cmdline: config.boot.cmdline.clone(),
        policy,
        writable: config.slots.writable,
        snapshots: Some(snapshots.store()),
    }
}

/// The places of each slot, by image class.
#[must_use]
pub fn places(config: &Config) -> BySlot<BTreeMap<String, PathBuf>> {
    let place = |root: &Path| BTreeMap::from([(ota_core::ROOT_CLASS.to_owned(), root.to_owned())]);
    BySlot { a: place(&config.slots.a.rootfs), b: place(&config.slots.b.rootfs) }
}

/// Everything that the engine needs. `address` is where the service listens: a trial asks there.
///
/// # Errors
/// [`WiringError`] for the first adapter that cannot be made.
pub fn parts(
    config: &Config,
    database: &SqliteStore,
    address: SocketAddr,
    metrics: Option<Metrics>,
) -> Result<Parts, WiringError> {
    let clock: Arc<dyn Clock> = Arc::new(platform::SystemClock);
    let store: Arc<dyn Store> = Arc::new(database.clone());
    let bundles = bundles(config)?;
    let policy = bundles.policy().map_err(failed("cannot verify bundles"))?;
    let (metadata_url, targets_url) =
        (url(&config.repository.metadata_url)?, url(&config.repository.targets_url)?);
    let recovery_slot = recovery_slot(config, &policy)?;
    let snapshots =
        platform::SlotSnapshots::open(snapshots(config)).map_err(failed("cannot use the snapshots"))?;
    let slots = platform::DeviceSlots::open(slots(config, policy.clone(), &snapshots));
    let uploads = platform::UploadDirectory::open(uploads(config)).map_err(failed("cannot take uploads"))?;
    let fetch = platform::FetchConfig {
        targets_url: targets_url.clone(),
        staging: config.data_dir.join("staging"),
        patience: platform::Patience::default(),
    };
    let repository = platform::RepositoryConfig {
        metadata_url: metadata_url.clone(),
        targets_url,
        root: config.repository.root.clone(),
        datastore: config.data_dir.join("tuf"),
    };
    let boot = platform::UbootEnvironment::open(&environment(config));
    Ok(Parts {
        site: Arc::new(site(config)),
        health: health::checks(config, &store, address)?,
        store,
        pins: Arc::new(database.clone()),
        secrets: Arc::new(Argon2Check),
        repository: Arc::new(
            platform::TufRepository::new(repository).map_err(failed("cannot use the repository"))?,
        ),
        fetcher: Arc::new(platform::ResumableFetcher::new(fetch).map_err(failed("cannot download"))?),
        bundles: Arc::new(bundles),
        slots: Arc::new(slots.map_err(failed("cannot tell which slot runs"))?),
        snapshots: Arc::new(snapshots),
        kept: Arc::new(kept(config)?),
        recovery: Arc::new(recovery(config)?),
        components: Arc::new(components(config, policy.clone())?),
        recovery_slot,
        orders: Arc::new(platform::BootOrderFiles::within(&config.data_dir)),
        uploads: Arc::new(uploads),
        debug: Arc::new(debug(config, database, metrics)?),
        boot: Arc::new(boot.map_err(failed("cannot find the boot environment"))?),
        reboot: reboot(config)?,
        sensors: sensors::start(config, &metadata_url, &clock)?,
        telemetry: Arc::new(
            platform::SystemTelemetry::open().map_err(failed("cannot read the system’s figures"))?,
        ),
        clock,
        zones: jiff::tz::db().clone(),
    })
}

/// Bytes of a megabyte in the configuration.
const MEGABYTE: u64 = 1_000_000;

fn snapshots(config: &Config) -> platform::SnapshotsConfig {
    platform::SnapshotsConfig {
        directory: config.data_dir.join("snapshots"),
        places: places(config),
        writable: config.slots.writable,
        count: usize::try_from(config.snapshots.keep).unwrap_or(usize::MAX),
        bytes: config.snapshots.most_megabytes.saturating_mul(MEGABYTE),
        keep_free: config.snapshots.keep_free_megabytes.saturating_mul(MEGABYTE),
    }
}

fn uploads(config: &Config) -> platform::UploadsConfig {
    platform::UploadsConfig {
        directory: config.data_dir.join("uploads"),
        quota: config.uploads.quota_megabytes.saturating_mul(MEGABYTE),
        longest: config.uploads.longest_megabytes.saturating_mul(MEGABYTE),
        keep: Duration::from_secs(u64::from(config.uploads.keep_hours) * 3600),
        keep_unfinished: Duration::from_secs(u64::from(config.uploads.unfinished_hours) * 3600),
    }
}

fn debug(
    config: &Config,
    database: &SqliteStore,
    metrics: Option<Metrics>,
) -> Result<DebugShelf, WiringError> {
    let shelf = DebugShelf {
        directory: config.data_dir.join("debug"),
        keep: Duration::from_secs(u64::from(config.debug.keep_hours) * 3600),
        count: usize::try_from(config.debug.keep).unwrap_or(usize::MAX),
        keep_free: config.snapshots.keep_free_megabytes.saturating_mul(MEGABYTE),
        store: database.clone(),
        configuration: shown_configuration(config).map_err(failed("cannot show the configuration"))?,
        environment: environment(config),
        service_log: service_log(config),
        metrics,
    };
    shelf.open().map_err(failed("cannot keep debug bundles"))
}

/// The files in which the service keeps its log; none where they are switched off.
#[must_use]
pub fn service_log(config: &Config) -> Option<ServiceLog> {
    let most = u64::from(config.log.file_megabytes) * MEGABYTE;
    (most > 0).then(|| ServiceLog::within(config.data_dir.join("log"), most))
}

/// The bundles that are kept for a restore.
///
/// # Errors
/// When their directory cannot be used.
pub fn kept(config: &Config) -> Result<platform::BundleShelf, WiringError> {
    let shelf = platform::KeptBundlesConfig {
        directory: config.data_dir.join("bundles"),
        count: usize::try_from(config.bundles.keep).unwrap_or(usize::MAX),
    };
    platform::BundleShelf::open(shelf).map_err(failed("cannot keep bundles"))
}

/// The recovery image.
///
/// # Errors
/// When its directory cannot be used.
fn recovery(config: &Config) -> Result<platform::BundleShelf, WiringError> {
    let shelf = platform::KeptBundlesConfig { directory: config.data_dir.join("recovery"), count: 1 };
    platform::BundleShelf::open(shelf).map_err(failed("cannot keep a recovery image"))
}

/// The recovery slot, where the gateway has one.
fn recovery_slot(
    config: &Config,
    policy: &platform::Policy,
) -> Result<Option<Arc<dyn RecoverySlot>>, WiringError> {
    let Some(slot) = &config.slots.r else { return Ok(None) };
    let running = running(config)?;
    let others = BySlot { a: config.slots.a.rootfs.clone(), b: config.slots.b.rootfs.clone() };
    let slot = platform::DeviceRecoverySlot::new(slot.rootfs.clone(), &others, running, policy.clone());
    Ok(Some(Arc::new(slot)))
}

fn site(config: &Config) -> Site {
    let safety = &config.safety;
    Site {
        id: config.gateway.id.clone(),
        model: config.gateway.model.clone(),
        bootloader: config.gateway.bootloader.clone(),
        time_zone: config.gateway.time_zone.clone(),
        notice: config.gateway.notice.clone(),
        rollback_retries: config.boot.rollback_retries,
        version_floor: config.trust.version_floor.clone(),
        check_interval: (config.repository.check_interval_hours > 0)
            .then(|| Duration::from_secs(u64::from(config.repository.check_interval_hours) * 3600)),
        clear_for: Duration::from_secs(safety.clear_for_seconds),
        scrub_interval: Duration::from_secs(u64::from(config.slots.scrub_hours) * 3600),
        overrides: OverridePolicy {
            lasts: Duration::from_secs(safety.overrides.seconds),
            second_person: safety.overrides.second_person,
            never: safety.overrides.never.iter().copied().collect(),
        },
        constraints: vec![
            (ConstraintId::CraneMotion, safety.crane_motion.enabled),
            (ConstraintId::AcsCollision, safety.acs_collision.enabled),
            (ConstraintId::UpsBattery, safety.ups_battery.enabled),
            (ConstraintId::Network, safety.network.enabled),
            (ConstraintId::SystemLoad, safety.system_load.enabled),
        ],
    }
}

fn reboot(config: &Config) -> Result<Arc<dyn Reboot>, WiringError> {
    const WHAT: &str = "cannot tell one boot from the next";
    Ok(match config.boot.reboot {
        RebootBy::Systemd => {
            let systemd = platform::SystemdRebootConfig {
                boot_id: config.boot.boot_id.clone(),
                ..platform::SystemdRebootConfig::default()
            };
            Arc::new(platform::SystemdReboot::open(systemd).map_err(failed(WHAT))?)
        }
        RebootBy::Model => Arc::new(platform::ModelReboot::open(boot_model(config)).map_err(failed(WHAT))?),
    })
}

fn url(text: &str) -> Result<Url, WiringError> {
    Url::parse(text).map_err(|error| WiringError { what: "cannot use an address", causes: error.to_string() })
}

impl WiringError {
    /// For what is not an adapter's own error.
    pub(crate) fn new(what: &'static str, causes: impl fmt::Display) -> Self {
        Self { what, causes: causes.to_string() }
    }

    pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::new(what, format!("{}: {error}", path.display()))
    }
}
