//! The recovery image: what a factory reset installs, and what the recovery slot holds where there is one.

use jiff::{SignedDuration, Timestamp};
use ota_core::{
    Actor, AuditAction, AuditEntry, AuditOutcome, Bundle, FactoryReset, Operation, Phase, Running,
    SlotRecord, Work, WriteGate, file_label,
};
use tokio_util::sync::CancellationToken;

use crate::{
    Ota, OtaError,
    ports::{KeptBundle, LogLevel, Meter, PermittedChange, ReceivedFile, RecoverySlot},
    safety::starter,
    updates::busy,
};

const ONE_SECOND: SignedDuration = SignedDuration::from_secs(1);

impl Ota {
    /// Verifies a file that has come in and keeps it as the recovery image, in the place of the former one.
    ///
    /// # Errors
    /// What the verifier finds, [`OtaError::Unfit`] for an image of another gateway, and [`OtaError::RecoveryRuns`] where the recovery
    /// slot would have to be written and runs; then the former one stays.
    pub async fn keep_recovery_image(
        &self,
        file: ReceivedFile,
        name: &str,
        actor: &Actor,
    ) -> Result<KeptBundle, OtaError> {
        let entry = AuditEntry::attempt(actor, AuditAction::RecoveryUpload).about(file_label(name));
        let kept = self.try_keep_recovery_image(file, &entry).await;
        // The boot environment may say something else of the recovery slot by now.
        self.refresh_slots(&self.desk.lock().await).await;
        self.refresh_recovery().await;
        match &kept {
            Ok(image) => {
                let detail = format!("{}, signed by {}", image.bundle.version, image.bundle.signer);
                let succeeded = entry.with_outcome(AuditOutcome::Succeeded);
                self.audit_result(&succeeded.saying(detail)).await;
            }
            Err(error) => self.audit_error(entry, error).await,
        }
        kept
    }

    async fn try_keep_recovery_image(
        &self,
        file: ReceivedFile,
        entry: &AuditEntry,
    ) -> Result<KeptBundle, OtaError> {
        let written = self.parts.recovery_slot.is_some();
        if written && self.parts.slots.running() == Running::Recovery {
            return Err(OtaError::RecoveryRuns);
        }
        let _lane = self.verify_lane.lock().await;
        let detail = format!("sha256:{}, {} bytes", file.sha256, file.size);
        self.audit(&entry.clone().saying(detail)).await?;
        let (meter, cancel) = (Meter::default(), self.stop.child_token());
        if written {
            self.permit_recovery_write(entry).await?;
        }
        let (bundle, unfit) = self.examine(&file, &meter, &cancel).await?;
        if let Some(reason) = unfit {
            return Err(OtaError::Unfit(format!("This image cannot be installed here: {reason}")));
        }
        if let Some(slot) = &self.parts.recovery_slot {
            slot.check_fit(&self.beside_components(&bundle)).await?;
            self.write_recovery_slot(slot.as_ref(), &file, &bundle.system(), entry, &cancel).await?;
        }
        let in_use = self.recovery_image_in_use().await;
        let since = self.newer_than_the_former().await?;
        self.parts.recovery.keep(&file.path, &file.sha256, &bundle, since, &in_use).await?;
        // The place of the file that has come in is given up; its content is under the name of the kept one.
        Ok(KeptBundle {
            path: file.path.clone(),
            sha256: file.sha256.clone(),
            length: file.size,
            bundle,
            since,
        })
    }

    /// Now, or just after the former image came where the clock was set back since: the newest one is the one that counts.
    async fn newer_than_the_former(&self) -> Result<Timestamp, OtaError> {
        let former = self.parts.recovery.list().await?.into_iter().next();
        let after = former.map(|former| former.since.saturating_add(ONE_SECOND)).transpose();
        let after = after.map_err(|error| OtaError::Internal(error.to_string()))?;
        let now = self.parts.clock.now();
        Ok(after.map_or(now, |after| after.max(now)))
    }

    /// Nothing else writes, and the machine allows it.
    async fn permit_recovery_write(&self, entry: &AuditEntry) -> Result<(), OtaError> {
        let desk = self.desk.lock().await;
        ota_core::admit(&Operation::ChangeSlot, &desk).map_err(busy)?;
        self.permit(Phase::Write, starter(&entry.actor, None))
    }

    /// Brings the image into the recovery slot, which cannot be started meanwhile.
    async fn write_recovery_slot(
        &self,
        slot: &dyn RecoverySlot,
        file: &ReceivedFile,
        bundle: &Bundle,
        entry: &AuditEntry,
        cancel: &CancellationToken,
    ) -> Result<(), OtaError> {
        let _lane = self.recovery_lane.lock().await;
        // Verifying took its time.
        self.permit_recovery_write(entry).await?;
        let clearance = self.clearance::<WriteGate>(starter(&entry.actor, None));
        let clearance = clearance.map_err(|blocked| OtaError::Blocked(blocked.0))?;
        self.parts.boot.commit(PermittedChange::without_recovery()).await?;
        if let Some(former) = self.parts.store.recovery_record().await? {
            self.parts.store.put_recovery_record(&SlotRecord { good: false, ..former }).await?;
        }
        slot.write(file.path.clone(), bundle, clearance, cancel).await?;
        let record = SlotRecord::proven(bundle, None, self.parts.clock.now());
        self.parts.store.put_recovery_record(&record).await?;
        let tries = self.parts.site.rollback_retries;
        self.parts.boot.commit(PermittedChange::with_recovery(tries)).await?;
        let text = format!("the recovery slot holds {}, proven", bundle.version);
        self.log(LogLevel::Info, "ota", text).await;
        Ok(())
    }

    /// The hash of the recovery image that an open factory reset installs.
    async fn recovery_image_in_use(&self) -> Vec<String> {
        let desk = self.desk.lock().await;
        desk.iter()
            .filter_map(|job| match &job.work {
                Work::Reset(FactoryReset { image: Some(image), .. }) => Some(image.sha256.clone()),
                _ => None,
            })
            .collect()
    }
}
