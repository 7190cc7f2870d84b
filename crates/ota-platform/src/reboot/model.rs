//! The far side of the hardware, for a gateway that has none: what the boot loader and the kernel would do at a restart.
//!
//! It plays the boot script on the same environment file that a real U-Boot would use, leaves a command line and a boot id as
//! a kernel would, and replaces this process by a fresh one. Everything on our side of the port is the product itself.

use super::boot_id;
use crate::boot::{UbootConfig, open, put, selection};
use crate::causes::causes;
use crate::slots::Filesystem;
use async_trait::async_trait;
use jiff::{Timestamp, Unit};
use ota_core::{BySlot, Clearance, FailureCode, RebootGate, Running};
use ota_engine::ports::{Reboot, StepError};
use std::convert::Infallible;
use std::env;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use tokio::task::spawn_blocking;
use uboot_env::{ConfigError, InvalidVariable, Store, UpdateError};

/// Rounds of refilled tries after which a gateway on which nothing starts counts as dead.
const MAX_REFILLS: u32 = 2;

/// Every read of it gives a new random UUID.
const KERNEL_UUID: &str = "/proc/sys/kernel/random/uuid";

/// The modelled hardware.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootModelConfig {
    pub environment: UbootConfig,
    /// Root place of each slot.
    pub slots: BySlot<PathBuf>,
    /// Root place of the recovery slot, where there is one.
    pub recovery: Option<PathBuf>,
    /// Written at each start, as `/proc/cmdline` is.
    pub cmdline: PathBuf,
    /// Written at each start, as `/proc/sys/kernel/random/boot_id` is.
    pub boot_id: PathBuf,
    /// Grows by a line for each attempt to start a slot.
    pub log: PathBuf,
    /// Tries that the boot script gives every slot when none has one left.
    pub rollback_retries: u8,
}

/// The modelled hardware did not come up.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    #[error("the configuration of the boot environment cannot be used")]
    Config(#[from] ConfigError),
    #[error("the boot script cannot read or store the boot environment")]
    Environment(#[source] Box<UpdateError<InvalidVariable>>),
    #[error("cannot use {}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("no slot starts: {attempts} attempts failed")]
    NothingStarts { attempts: u32 },
}

/// One answer of the boot script.
enum Step {
    Try(Running),
    NoneLeft,
}

/// Starts the modelled hardware: plays the boot script until a slot starts, then leaves the command line and a new boot id.
///
/// Each attempt costs a try, which is stored before the attempt, as U-Boot does. Blocks.
///
/// # Errors
/// [`ModelError`]; command line and boot id are then those of before.
pub fn power_on(config: &BootModelConfig) -> Result<Running, ModelError> {
    let store = open(&config.environment)?;
    let mut refills = 0;
    for attempts in 0.. {
        let slot = match script(&store, config.rollback_retries, &mut refills)? {
            Step::Try(slot) => slot,
            Step::NoneLeft => return Err(ModelError::NothingStarts { attempts }),
        };
        let place = match slot {
            Running::Slot(slot) => Some(config.slots.get(slot)),
            Running::Recovery => config.recovery.as_ref(),
        };
        match place.ok_or_else(|| "failed: no such place".to_owned()).and_then(|place| kernel(place)) {
            Ok(root) => {
                record(&config.log, slot, "started")?;
                hand_over(config, slot, root)?;
                return Ok(slot);
            }
            Err(reason) => record(&config.log, slot, &reason)?,
        }
    }
    Err(ModelError::NothingStarts { attempts: u32::MAX })
}

/// RAUC's boot script: takes a try from the first slot that has one and saves the environment.
fn script(store: &Store, refill: u8, refills: &mut u32) -> Result<Step, ModelError> {
    let environment = |error| ModelError::Environment(Box::new(error));
    store
        .update(|variables| {
            let mut boot = selection(variables.environment());
            // The script gives both slots their tries back then.
            if boot.next_boot().is_none() && boot.recovery.unwrap_or(0) == 0 {
                *refills += 1;
            }
            let slot = if *refills > MAX_REFILLS { None } else { boot.take_try(refill) };
            let Some(slot) = slot else { return Ok(Step::NoneLeft) };
            put(variables, &boot)?;
            Ok(Step::Try(slot))
        })
        .map_err(environment)
}

/// A kernel mounts its root file system, or panics and the watchdog resets the board.
fn kernel(place: &Path) -> Result<&Path, String> {
    let root = File::open(place).and_then(|file| Filesystem::probe(&file));
    match root {
        Ok(Some(_)) => Ok(place),
        Ok(None) => Err("failed: no file system".to_owned()),
        Err(error) => Err(format!("failed: {error}")),
    }
}

fn record(log: &Path, slot: Running, result: &str) -> Result<(), ModelError> {
    let now = Timestamp::now();
    let now = now.round(Unit::Second).unwrap_or(now);
    let append = || -> io::Result<()> {
        let mut file = OpenOptions::new().create(true).append(true).open(log)?;
        file.write_all(format!("{now} slot {slot} {result}\n").as_bytes())
    };
    append().map_err(|source| ModelError::File { path: log.to_owned(), source })
}

fn hand_over(config: &BootModelConfig, slot: Running, place: &Path) -> Result<(), ModelError> {
    let line = format!("console=ttyS0,115200 root={} ro panic=5 rauc.slot={slot}\n", place.display());
    replace(&config.cmdline, line.as_bytes())?;
    let path = PathBuf::from(KERNEL_UUID);
    let id = fs::read(&path).map_err(|source| ModelError::File { path, source })?;
    replace(&config.boot_id, &id)
}

/// Readers, and a power cut, find the old content or the new one.
fn replace(path: &Path, content: &[u8]) -> Result<(), ModelError> {
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".new");
    let write = || -> io::Result<()> {
        let mut file = File::create(&fresh)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&fresh, path)?;
        path.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
    };
    write().map_err(|source| ModelError::File { path: path.to_owned(), source })
}

/// The modelled hardware behind the engine's port. A restart replaces this process: same process id, same arguments, same
/// environment; descriptors are close-on-exec, so sockets and locks end as they would with a power cycle.
#[derive(Debug)]
pub struct ModelReboot {
    config: BootModelConfig,
    boot_id: String,
    /// As it was when we started: the file may be replaced while we run.
    program: PathBuf,
    arguments: Vec<OsString>,
}

impl ModelReboot {
    /// # Errors
    /// When there is no boot id yet (see [`power_on`]) or this program's own file cannot be told.
    pub fn open(config: BootModelConfig) -> io::Result<Self> {
        let boot_id = boot_id(&config.boot_id)?;
        let arguments = env::args_os().skip(1).collect();
        Ok(Self { config, boot_id, program: env::current_exe()?, arguments })
    }

    /// Returns only when the process could not be replaced.
    fn restart(config: &BootModelConfig, mut program: Command) -> Result<Infallible, StepError> {
        power_on(config).map_err(|error| failed(&causes(&error)))?;
        let error = program.exec();
        Err(failed(&format!("cannot execute {}: {error}", program.get_program().display())))
    }
}

#[async_trait]
impl Reboot for ModelReboot {
    fn boot_id(&self) -> String {
        self.boot_id.clone()
    }

    async fn reboot(&self, _clearance: Clearance<RebootGate>) -> Result<(), StepError> {
        let config = self.config.clone();
        let mut program = Command::new(&self.program);
        program.args(&self.arguments);
        let ended = spawn_blocking(move || Self::restart(&config, program)).await;
        match ended.map_err(|error| failed(&causes(&error)))?? {}
    }
}

fn failed(detail: &str) -> StepError {
    StepError::failed(
        FailureCode::InstallFailed,
        "The gateway did not come up again. Look into the boot log.",
        detail,
    )
}
