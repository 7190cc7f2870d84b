//! The start of the service: boot environment, booted slot and jobs are brought together, and the boot environment wins.

use ota_core::{Actor, AuditAction, AuditEntry, BootSelection, Booted, ForeignJob, JobEvent, JobId, SlotId};
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use crate::{
    Ota,
    ports::{Fact, LogLevel, StepError},
    runner::ApplyError,
};

/// Pause before an unreadable boot environment or store is tried again.
const RETRY: Duration = Duration::from_secs(5);

impl Ota {
    /// Tells every open job what the system says about itself and resumes it.
    pub(crate) async fn reconcile(self: Arc<Self>) {
        let foreign = loop {
            let error = match self.try_reconcile().await {
                Ok(foreign) => break foreign,
                Err(error) => error,
            };
            let text = format!("The gateway cannot take up its work: {error}");
            self.log(LogLevel::Error, "boot", text).await;
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(RETRY) => {}
            }
        };
        self.pass_over(&foreign).await;
        self.refresh_slots(&self.desk.lock().await).await;
        self.reconciled.store(true, Ordering::Release);
        self.reconsider.notify_one();
    }

    /// Says which jobs it has passed over.
    async fn try_reconcile(self: &Arc<Self>) -> Result<Vec<ForeignJob>, StepError> {
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
        let foreign = self.foreign_jobs().await?;
        self.refill_tries(&foreign).await?;
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
        Ok(foreign)
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
