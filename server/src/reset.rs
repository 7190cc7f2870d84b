//! The data of a factory reset, at the start of the gateway and before the service runs.
//!
//! Whatever interrupts it, the next start goes on: the order stays until all of it is done, and the database says whose reset it
//! has been through.

use crate::config::Config;
use crate::wiring;
use jiff::Timestamp;
use ota_core::{AuditAction, AuditEntry, AuditOutcome, Job, JobId, Work};
use ota_engine::ports::{AuditQuery, ResetOrder, Store, StoreError};
use ota_platform::{BootOrderFiles, boot_id};
use ota_store::{ServiceLock, SqliteStore};
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// What there is beside the database, and goes with it. What was seen of the repository stays: without it, an older state of
/// the repository could be passed off as the newest. So does the recovery image.
const DIRECTORIES: [&str; 6] = ["staging", "uploads", "bundles", "snapshots", "debug", "log"];
/// Suffixes of the database's files. The journal goes first: it would be replayed into a new database.
const DATABASE: [&str; 3] = ["-wal", "-shm", ""];

/// What became of the order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// There was none.
    Nothing,
    /// Its job has ended or is being cancelled, or the service has run since without it.
    Dropped(JobId),
    /// The gateway has not restarted since.
    NotYet(JobId),
    CarriedOut(JobId),
}

/// Why a reset is not finished.
#[derive(Debug, thiserror::Error)]
pub enum ResetError {
    #[error("the factory reset cannot be carried out: {}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("the factory reset cannot be carried out: {0}")]
    Store(#[from] StoreError),
}

/// Carries out the factory reset that was ordered, if the gateway has restarted since.
///
/// # Errors
/// [`ResetError`]; the next call goes on where this one ended.
pub async fn carry_out(config: &Config) -> Result<Outcome, ResetError> {
    let place = BootOrderFiles::within(&config.data_dir);
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| ResetError::File { path, source }
    };
    let order = match place.reset() {
        Ok(order) => order,
        // Nobody can carry it out; a gateway that does not start for it would be worse.
        Err(error) if matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof) => {
            tracing::error!(%error, "the order of a factory reset is damaged and passed over");
            None
        }
        Err(error) => return Err(failed(&config.data_dir)(error)),
    };
    let Some(order) = order else { return Ok(Outcome::Nothing) };
    let running = boot_id(&config.boot.boot_id).map_err(failed(&config.boot.boot_id))?;
    let database = wiring::database(&config.data_dir);
    let _alone = ServiceLock::take(&database)?;
    let outcome = match Plan::of(&order, &database, &running).await? {
        Plan::Wait => return Ok(Outcome::NotYet(order.job.id)),
        Plan::Drop => Outcome::Dropped(order.job.id),
        Plan::Finish => Outcome::CarriedOut(order.job.id),
        Plan::Forget { store, job } => {
            forget_people(&store, &job).await?;
            Outcome::CarriedOut(order.job.id)
        }
        Plan::Wipe { job } => {
            wipe(&config.data_dir, &database)?;
            begin_anew(&database, &order, &job).await?;
            Outcome::CarriedOut(order.job.id)
        }
    };
    place.remove_reset().map_err(failed(&config.data_dir))?;
    tracing::warn!(?outcome, "the order of a factory reset was taken up");
    Ok(outcome)
}

/// What is to be done about an order.
enum Plan {
    Wait,
    Drop,
    /// All of it was done; only the order is still there.
    Finish,
    Forget {
        store: SqliteStore,
        job: Job,
    },
    Wipe {
        job: Job,
    },
}

impl Plan {
    async fn of(order: &ResetOrder, database: &Path, running: &str) -> Result<Self, ResetError> {
        let all = matches!(&order.job.work, Work::Reset(reset) if reset.wipe_data);
        let restarted = order.boot_id != running;
        // It says whether the job has ended. Without that nothing is removed.
        let store = SqliteStore::open(database).await?;
        let stored = store.job(&order.job.id).await?;
        let ended = store.has_ended(&order.job.id).await?;
        // A newer release went on with it, in a way that this one does not understand.
        let is_foreign = ended.is_some() && stored.is_none();
        let plan = if store.is_reset_by(&order.job.id).await? {
            Self::Finish
        } else if ended == Some(true)
            || is_foreign
            || stored.as_ref().is_some_and(|job| job.withdrawn().is_some())
            || was_passed_over(order, &store).await?
        {
            Self::Drop
        } else if !restarted {
            Self::Wait
        } else {
            let job = stored.unwrap_or_else(|| order.job.clone());
            if !all {
                return Ok(Self::Forget { store, job });
            }
            Self::Wipe { job }
        };
        store.close().await;
        Ok(plan)
    }
}

/// Whether the gateway has started since the order was given and its service has run without carrying it out: a release that knew of no
/// orders. By now people rely on what is there.
async fn was_passed_over(order: &ResetOrder, store: &SqliteStore) -> Result<bool, StoreError> {
    let starts = AuditQuery { limit: 1, action: Some(AuditAction::Boot), ..AuditQuery::default() };
    Ok(store.audit(&starts).await?.records.first().is_some_and(|last| last.seq > order.audit.seq))
}

async fn forget_people(store: &SqliteStore, job: &Job) -> Result<(), ResetError> {
    let (job, now) = carried_out(job);
    store.forget_people(&job, now, &entry(&job, "settings, users and PINs are reset")).await?;
    store.close().await;
    Ok(())
}

/// Removes everything but what [`DIRECTORIES`] says. Directories go before the database, which knows what is to be done.
fn wipe(data_dir: &Path, database: &Path) -> Result<(), ResetError> {
    for name in DIRECTORIES {
        let path = data_dir.join(name);
        gone(empty(&path), &path)?;
    }
    for suffix in DATABASE {
        let mut path = database.as_os_str().to_owned();
        path.push(suffix);
        let path = PathBuf::from(path);
        gone(fs::remove_file(&path), &path)?;
    }
    let synced = File::open(data_dir).and_then(|directory| directory.sync_all());
    synced.map_err(|source| ResetError::File { path: data_dir.to_owned(), source })
}

/// Removes what is in the directory, which may be a mount point or lead to another disk.
fn empty(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?
        } else {
            fs::remove_file(entry.path())?
        }
    }
    File::open(directory)?.sync_all()
}

fn gone(removed: io::Result<()>, path: &Path) -> Result<(), ResetError> {
    match removed {
        Err(source) if source.kind() != ErrorKind::NotFound => {
            Err(ResetError::File { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

async fn begin_anew(database: &Path, order: &ResetOrder, job: &Job) -> Result<(), ResetError> {
    let (job, now) = carried_out(job);
    let before = &order.audit;
    let detail = format!(
        "all data are reset; the audit log before this one had {} records when that was ordered, the last one with the hash {}",
        before.seq, before.hash
    );
    let store = SqliteStore::open(database).await?;
    let kept = (&order.slots, order.recovery.as_ref());
    store.begin_anew(&job, kept, now, &entry(&job, &detail)).await?;
    store.close().await;
    Ok(())
}

fn carried_out(job: &Job) -> (Job, Timestamp) {
    let now = Timestamp::now();
    let now = now.round(jiff::Unit::Second).unwrap_or(now);
    let mut job = job.clone();
    job.carry_out_reset(now);
    (job, now)
}

fn entry(job: &Job, detail: &str) -> AuditEntry {
    let reason = match &job.work {
        Work::Reset(reset) => reset.reason.as_str(),
        _ => "",
    };
    AuditEntry::new(&job.actor, AuditAction::FactoryReset, AuditOutcome::Succeeded)
        .about(job.id.as_str())
        .because(reason)
        .saying(detail)
}
