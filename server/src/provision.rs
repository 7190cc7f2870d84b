//! Commissioning: the factory's bundles go into the slots of a gateway that was never provisioned.
//!
//! Each step is taken only where its result is missing, so an interrupted run is simply run again, and a run on a
//! provisioned gateway changes nothing.

use crate::config::{Config, RebootBy};
use crate::recorded::recorded;
use crate::wiring::{self, WiringError};
use jiff::Timestamp;
use ota_core::{
    Actor, AuditAction, AuditEntry, BootSelection, Bundle, BySlot, Clearance, ComponentPlace, Running,
    SlotId, SlotRecord,
};
use ota_engine::ports::{
    Bundles, ComponentImage, Components, Fact, ImageSource, Meter, Slots, StepError, Store, StoreError,
};
use ota_platform::{CommissionError, DeviceSlots, RaucBundles, commission, power_on};
use ota_store::SqliteStore;
use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use tokio_util::sync::CancellationToken;

/// What is to be done.
#[derive(Debug)]
pub struct Order {
    /// The bundle of each slot.
    pub bundles: BTreeMap<SlotId, PathBuf>,
    /// The slot that starts first.
    pub active: SlotId,
    /// Size of slot files that do not exist yet, in bytes.
    pub slot_size: u64,
}

/// Something that was found missing and was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    SlotFile {
        slot: SlotId,
        path: PathBuf,
        size: u64,
    },
    Written {
        slot: SlotId,
        version: String,
    },
    /// A component that comes with the system.
    Component {
        name: String,
        version: String,
    },
    /// The slot held the image already.
    Recorded {
        slot: SlotId,
        version: String,
    },
    Environment {
        order: String,
    },
    PoweredOn {
        slot: Running,
    },
}

/// Why a gateway could not be provisioned.
#[derive(Debug, thiserror::Error)]
pub enum ProvisionError {
    #[error("the active slot {0} has no bundle: name one with --slot {0}=FILE")]
    NoActiveBundle(SlotId),
    #[error("the bundle for slot {slot}: {source}")]
    Bundle { slot: SlotId, source: StepError },
    #[error("slot {slot}: {source}")]
    Slot { slot: SlotId, source: StepError },
    #[error("component {name}: {source}")]
    Component { name: String, source: StepError },
    #[error("slot {0} runs and holds something else than the bundle; only an update can change that")]
    Running(SlotId),
    #[error(transparent)]
    Environment(#[from] CommissionError),
    #[error(transparent)]
    Wiring(#[from] WiringError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the work was interrupted")]
    Interrupted,
}

/// Provisions the gateway and tells what was done: nothing, where it was provisioned before.
///
/// # Errors
/// [`ProvisionError`]; no slot is written before every bundle was verified.
pub async fn provision(config: &Config, order: &Order, actor: &Actor) -> Result<Vec<Done>, ProvisionError> {
    if !order.bundles.contains_key(&order.active) {
        return Err(ProvisionError::NoActiveBundle(order.active));
    }
    wiring::prepare_directory(&config.data_dir)?;
    let store = SqliteStore::open_for_service(wiring::database(&config.data_dir)).await?;
    let bundles: Vec<_> =
        order.bundles.iter().map(|(slot, path)| format!("{slot}={}", path.display())).collect();
    let attempt = AuditEntry::attempt(actor, AuditAction::Provision).saying(bundles.join(", "));
    let done = recorded(&store, attempt, perform(config, order, &store)).await;
    store.close().await;
    done
}

async fn perform(config: &Config, order: &Order, store: &SqliteStore) -> Result<Vec<Done>, ProvisionError> {
    let mut done = Vec::new();
    let missing = without_record(order, store).await?;
    let bundles = wiring::bundles(config)?;
    let verified = verify(&bundles, missing).await?;
    for slot in SlotId::ALL {
        done.extend(make_place(slot, wiring::root(config, slot), order.slot_size)?);
    }
    let components: Vec<_> = config.components.keys().cloned().collect();
    for (slot, path, bundle) in &verified {
        let system = bundle.without(&components);
        done.push(fill(config, &bundles, *slot, path, &system).await?);
        // Before the record: what is recorded is not looked at again.
        keep(config, *slot, path, bundle).await?;
        if *slot == order.active {
            done.extend(commission_components(config, &bundles, path, bundle).await?);
        }
        store.put_slot_record(*slot, &SlotRecord::proven(&system, None, now())).await?;
    }
    done.extend(prepare_environment(config, order)?);
    if config.boot.reboot == RebootBy::Model && !config.boot.cmdline.exists() {
        done.push(start_model(config).await?);
    }
    if store.fact(Fact::LastOta).await?.is_none() {
        store.put_fact(Fact::LastOta, &now().to_string()).await?;
    }
    Ok(done)
}

async fn without_record(order: &Order, store: &SqliteStore) -> Result<Vec<(SlotId, PathBuf)>, StoreError> {
    let mut missing = Vec::new();
    for (slot, path) in &order.bundles {
        if store.slot_record(*slot).await?.is_none() {
            missing.push((*slot, path.clone()));
        }
    }
    Ok(missing)
}

async fn verify(
    bundles: &RaucBundles,
    files: Vec<(SlotId, PathBuf)>,
) -> Result<Vec<(SlotId, PathBuf, Bundle)>, ProvisionError> {
    let mut verified = Vec::new();
    for (slot, path) in files {
        let result = bundles.verify(path.clone(), &Meter::default(), &CancellationToken::new()).await;
        let bundle = result.map_err(|source| ProvisionError::Bundle { slot, source })?;
        verified.push((slot, path, bundle));
    }
    Ok(verified)
}

/// Makes a slot file where there is nothing. A device that is missing is never replaced by a file.
fn make_place(slot: SlotId, path: &Path, size: u64) -> Result<Option<Done>, ProvisionError> {
    if path.exists() || path.starts_with("/dev") {
        return Ok(None);
    }
    let failed = || WiringError::io("cannot make the slot’s file", path);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(failed())?;
    }
    // Complete under its name or not there at all.
    let unfinished = path.with_extension("new");
    let file =
        OpenOptions::new().write(true).create(true).truncate(true).open(&unfinished).map_err(failed())?;
    file.set_len(size).and_then(|()| file.sync_all()).map_err(failed())?;
    fs::rename(&unfinished, path).map_err(failed())?;
    Ok(Some(Done::SlotFile { slot, path: path.to_owned(), size }))
}

/// Brings the bundle's images into the slot and compares every byte. The running slot is only compared.
async fn fill(
    config: &Config,
    bundles: &RaucBundles,
    slot: SlotId,
    path: &Path,
    bundle: &Bundle,
) -> Result<Done, ProvisionError> {
    let failed = |source| ProvisionError::Slot { slot, source };
    let policy = bundles
        .policy()
        .map_err(|error| WiringError::new("cannot verify bundles", wiring::causes(&error)))?;
    // Nothing runs from these slots yet, or the other one does.
    let slots = DeviceSlots::seen_from(slot.other(), wiring::places(config), policy);
    let (meter, cancel) = (Meter::default(), CancellationToken::new());
    slots.check_fit(slot, bundle).await.map_err(failed)?;
    let version = bundle.version.clone();
    if slots.read_back(slot, bundle, &meter, &cancel).await.is_ok() {
        return Ok(Done::Recorded { slot, version });
    }
    if wiring::running(config).is_ok_and(|running| running.slot() == Some(slot)) {
        return Err(ProvisionError::Running(slot));
    }
    slots
        .write(
            slot,
            ImageSource::Bundle(path.to_owned()),
            bundle,
            Clearance::for_commissioning(),
            &meter,
            &cancel,
        )
        .await
        .map_err(failed)?;
    slots.read_back(slot, bundle, &meter, &cancel).await.map_err(failed)?;
    Ok(Done::Written { slot, version })
}

/// Brings the components of the active system into their first places, where nothing is current of them yet.
async fn commission_components(
    config: &Config,
    bundles: &RaucBundles,
    path: &Path,
    bundle: &Bundle,
) -> Result<Vec<Done>, ProvisionError> {
    let policy = bundles
        .policy()
        .map_err(|error| WiringError::new("cannot verify bundles", wiring::causes(&error)))?;
    let components = wiring::components(config, policy)?;
    let failed = |name: &str| {
        let name = name.to_owned();
        move |source| ProvisionError::Component { name, source }
    };
    let mut done = Vec::new();
    for view in components.list().await.map_err(failed("all"))? {
        let Some(image) = bundle.images.iter().find(|image| image.class == view.name) else { continue };
        if view.current.is_some() {
            continue;
        }
        let (version, place) = (bundle.version.clone(), ComponentPlace::A);
        let image = ComponentImage { image: image.clone(), version: version.clone(), place };
        let commissioned = components.commission(&image, path.to_owned(), Clearance::for_commissioning());
        commissioned.await.map_err(failed(&view.name))?;
        done.push(Done::Component { name: view.name, version });
    }
    Ok(done)
}

/// What the factory installed can be restored.
async fn keep(config: &Config, slot: SlotId, path: &Path, bundle: &Bundle) -> Result<(), ProvisionError> {
    let kept = wiring::kept(config)?.import(path, bundle, now()).await;
    kept.map_err(|source| ProvisionError::Bundle { slot, source })
}

/// Timestamps are kept in whole seconds.
fn now() -> Timestamp {
    let now = Timestamp::now();
    now.round(jiff::Unit::Second).unwrap_or(now)
}

fn prepare_environment(config: &Config, order: &Order) -> Result<Option<Done>, ProvisionError> {
    let selection = selection(config, order);
    let written = commission(&wiring::environment(config), &selection)?;
    Ok(written.then(|| Done::Environment { order: selection.order_variable() }))
}

/// The active slot first; a slot without a bundle has no tries.
fn selection(config: &Config, order: &Order) -> BootSelection {
    let tries = |slot| if order.bundles.contains_key(&slot) { config.boot.rollback_retries } else { 0 };
    BootSelection {
        order: vec![order.active, order.active.other()],
        left: BySlot { a: tries(SlotId::A), b: tries(SlotId::B) },
        recovery: None,
    }
}

/// Switches the modelled hardware on for the first time.
async fn start_model(config: &Config) -> Result<Done, ProvisionError> {
    let model = wiring::boot_model(config);
    for path in [&model.cmdline, &model.boot_id, &model.log] {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(WiringError::io("cannot make the directory of", path))?;
        }
    }
    let started = tokio::task::spawn_blocking(move || power_on(&model)).await;
    let started = started.map_err(|_| ProvisionError::Interrupted)?;
    let slot = started
        .map_err(|error| WiringError::new("the modelled hardware does not start", wiring::causes(&error)))?;
    Ok(Done::PoweredOn { slot })
}
