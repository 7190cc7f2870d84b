//! The running system is never written, under whatever name it is asked for.

use super::fault;
use super::identity::{Identity, mounted};
use super::writer::SlotWriter;
use ota_core::SlotId;
use ota_engine::ports::StepError;
use std::io;
use std::path::{Path, PathBuf};

/// Knows what runs.
#[derive(Debug)]
pub(super) struct Guard {
    /// None where the recovery system runs, or nothing yet.
    booted: Option<SlotId>,
    places: Vec<PathBuf>,
    /// Nothing runs yet, but what is mounted is not written.
    before_mount: bool,
}

impl Guard {
    pub(super) const fn new(booted: Option<SlotId>, places: Vec<PathBuf>) -> Self {
        Self { booted, places, before_mount: false }
    }

    /// For a start of the gateway, before its root file system is mounted.
    pub(super) const fn before_mount() -> Self {
        Self { booted: None, places: Vec::new(), before_mount: true }
    }

    /// # Errors
    /// `InstallFailed` for the booted slot.
    pub(super) fn check_slot(&self, slot: SlotId) -> Result<(), StepError> {
        if Some(slot) == self.booted { Err(fault::booted(slot, "it is the booted slot")) } else { Ok(()) }
    }

    /// Compares what was really opened with what runs: links, other names of a device and loop devices lead to the same bytes.
    ///
    /// # Errors
    /// `InstallFailed` where they are one, and where it cannot be told.
    pub(super) fn check_open(
        &self,
        slot: SlotId,
        place: &Path,
        writer: &SlotWriter,
    ) -> Result<(), StepError> {
        let running =
            self.running().map_err(|error| fault::unusable(place, "tell the running slot from", &error))?;
        let target = writer.identity().map_err(|error| fault::unusable(place, "identify", &error))?;
        let same = [target, target.storage()].iter().any(|one| running.contains(one));
        if same {
            return Err(fault::booted(
                slot,
                &format!("{} is the storage of the running system", place.display()),
            ));
        }
        Ok(())
    }

    fn running(&self) -> io::Result<Vec<Identity>> {
        let mut running = vec![Identity::of_running_root()?];
        if self.before_mount {
            running.extend(mounted()?);
        }
        for place in &self.places {
            running.push(Identity::of_path(place)?);
        }
        let storage: Vec<_> = running.iter().map(|identity| identity.storage()).collect();
        running.extend(storage);
        Ok(running)
    }
}
