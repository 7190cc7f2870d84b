//! The start of the service: boot environment, booted slot and jobs are brought together, and the boot environment wins.

use ota_core::{Actor, AuditAction, AuditEntry, BootSelection, Booted, JobEvent, JobId, JobState, SlotId};
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use crate::{
    Ota,
    ports::{Fact, LogLevel, PermittedChange, StepError},
    runner::ApplyError,
};

/// Pause before an unreadable boot environment or store is tried again.
const RETRY: Duration = Duration::from_secs(5);

impl Ota {
    /// Tells every open job what the system says about itself and resumes it.
    pub(crate) async fn reconcile(self: Arc<Self>) {
        while let Err(error) = self.try_reconcile().await {
            let text = format!("The gateway cannot take up its work: {error}");
            self.log(LogLevel::Error, "boot", text).await;
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(RETRY) => {}
            }
        }
        self.refresh_slots(&self.desk.lock().await).await;
        self.reconciled.store(true, Ordering::Release);
    }

    async fn try_reconcile(self: &Arc<Self>) -> Result<(), StepError> {
        let selection = self.parts.boot.read().await?;
        let booted = self.what_booted(&selection).await?;
        if booted.rebooted {
            let (level, text) = started_from(booted.slot);
            self.log(level, "boot", text).await;
        }
        let open: Vec<_> = self.desk.lock().await.iter().map(|job| job.id.clone()).collect();
        let mut resumed = Vec::new();
        for id in open {
            match self.apply(&id, JobEvent::Booted(booted)).await {
                Ok(Some(effect)) => resumed.push((id, effect)),
                Ok(None) | Err(ApplyError::NotOpen | ApplyError::Denied(_)) => self.show(&id).await,
                Err(ApplyError::Store(error)) => return Err(crate::slot_view::store_failure(&error)),
            }
        }
        self.refill_tries().await?;
        self.sweep_staging(&self.desk.lock().await).await;
        if booted.rebooted {
            let entry = AuditEntry::success(&Actor::system(), AuditAction::Boot);
            let entry = entry.saying(format!("started from slot {}", self.parts.slots.running()));
            let recorded = self.parts.store.append_audit(self.parts.clock.now(), &entry).await;
            recorded.map_err(|error| crate::slot_view::store_failure(&error))?;
        }
        let seen = self.parts.store.put_fact(Fact::BootId, &self.parts.reboot.boot_id()).await;
        seen.map_err(|error| crate::slot_view::store_failure(&error))?;
        // Work begins when nothing of this can fail and be repeated any more.
        for (id, effect) in resumed {
            self.drive(id, effect);
        }
        Ok(())
    }

    /// Gives an open job a worker again, from what the system says about itself.
    pub(crate) async fn resume(self: Arc<Self>, id: JobId) {
        while let Err(error) = self.try_resume(&id).await {
            tracing::error!(%error, job = %id, "the job cannot be resumed; trying again");
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(RETRY) => {}
            }
        }
    }

    async fn try_resume(self: &Arc<Self>, id: &JobId) -> Result<(), StepError> {
        let next_boot = self.parts.boot.read().await?.next_boot();
        let booted = Booted { slot: self.parts.slots.running().slot(), next_boot, rebooted: false };
        match self.apply(id, JobEvent::Booted(booted)).await {
            Ok(Some(effect)) => self.drive(id.clone(), effect),
            Ok(None) | Err(ApplyError::NotOpen | ApplyError::Denied(_)) => {}
            Err(ApplyError::Store(error)) => return Err(crate::slot_view::store_failure(&error)),
        }
        Ok(())
    }

    async fn what_booted(&self, selection: &BootSelection) -> Result<Booted, StepError> {
        let seen = self.parts.store.fact(Fact::BootId).await;
        let seen = seen.map_err(|error| crate::slot_view::store_failure(&error))?;
        Ok(Booted {
            slot: self.parts.slots.running().slot(),
            next_boot: selection.next_boot(),
            rebooted: seen.as_deref() != Some(self.parts.reboot.boot_id().as_str()),
        })
    }

    /// A slot that proved itself before has been started once more: it gets back the try that the boot loader took.
    async fn refill_tries(&self) -> Result<(), StepError> {
        let tries = self.parts.site.rollback_retries;
        let selection = self.parts.boot.read().await?;
        let Some(booted) = self.parts.slots.running().slot() else {
            if selection.recovery.is_some_and(|left| left < tries) {
                self.parts.boot.commit(PermittedChange::with_recovery(tries)).await?;
            }
            return Ok(());
        };
        let on_trial = |job: &ota_core::Job| {
            job.target == booted && matches!(job.state, JobState::Trial { .. } | JobState::Held { .. })
        };
        if self.desk.lock().await.iter().any(on_trial) {
            return Ok(());
        }
        let record = self.parts.store.slot_record(booted).await;
        let record = record.map_err(|error| crate::slot_view::store_failure(&error))?;
        let left = *selection.left.get(booted);
        if left < tries && record.is_none_or(|record| record.good) {
            self.parts.boot.commit(PermittedChange::mark_good(booted, tries)).await?;
        }
        Ok(())
    }
}

fn started_from(slot: Option<SlotId>) -> (LogLevel, String) {
    match slot {
        Some(slot) => (LogLevel::Info, format!("The gateway started from slot {slot}")),
        None => {
            let text = "The gateway started from its recovery slot: neither slot A nor slot B starts";
            (LogLevel::Error, text.to_owned())
        }
    }
}
