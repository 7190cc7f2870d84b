//! Back to the state in which the gateway left the factory: ordered here, and carried out at the next start, before the service runs.

use ota_core::{
    Actor, ArmGate, AuditAction, AuditEntry, FactoryReset, InstallOrder, Job, JobEvent, Operation, Phase,
    PinKind, RecoveryImage, SlotId, Strategy, Work,
};
use std::{fmt, sync::Arc, time::Duration};

use crate::{
    JobView, Ota, OtaError,
    new_job::NewJob,
    ports::{Fact, LogLevel, ResetOrder, StepError},
    runner::names,
    safety::asker,
    slot_view::store_failure,
};

/// Times that each byte of a recovery image is read or written: verified, written, compared.
const PASSES: u64 = 3;
/// Bytes a second, before this gateway has measured its own.
const FIRST_SPEED: u64 = 20_000_000;
/// A restart, before and after which the machine has to be still.
const RESTART: Duration = Duration::from_secs(120);

/// How far the gateway is to go back, and by what right.
#[derive(Clone, PartialEq, Eq)]
pub struct FactoryOrder {
    pub pin: String,
    /// Everything goes; otherwise settings, users, sessions and PINs.
    pub wipe_data: bool,
    pub reason: String,
}

/// The PIN stays out of logs.
impl fmt::Debug for FactoryOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FactoryOrder(wipe_data: {})", self.wipe_data)
    }
}

impl Ota {
    /// Orders a factory reset, and says how long it will take about.
    ///
    /// Where a recovery image is kept, it is installed in the other slot first. The data are reset after the restart.
    ///
    /// # Errors
    /// What the PIN may lead to, the operation gate, the safety verdict.
    pub async fn factory_reset(
        self: &Arc<Self>,
        order: FactoryOrder,
        actor: &Actor,
    ) -> Result<(JobView, Duration), OtaError> {
        let tier = if order.wipe_data { "all data" } else { "settings, users and PINs" };
        let entry =
            AuditEntry::attempt(actor, AuditAction::FactoryReset).because(order.reason.as_str()).saying(tier);
        let started = async {
            self.must_be_up()?;
            self.demand_pin(PinKind::Factory, &order.pin).await?;
            let image = self.snapshot().recovery.image.clone();
            let version = match &image {
                Some(image) => image.bundle.version.clone(),
                None => self.snapshot().running_version().to_owned(),
            };
            let image = image.map(|image| RecoveryImage { length: image.length, sha256: image.sha256 });
            let takes = self.estimate(image.as_ref()).await?;
            let FactoryOrder { wipe_data, reason, .. } = order;
            let new = NewJob {
                work: Work::Reset(FactoryReset { wipe_data, reason, version, image, carried_out: false }),
                target: self.parts.slots.running().target(),
                bundle: None,
                order: Some(InstallOrder {
                    reboot_after: true,
                    create_snapshot: false,
                    strategy: Strategy::Seamless,
                }),
                operation: Operation::ChangeSlot,
                phase: Some(Phase::Start),
            };
            let view = self.start_job(new, &entry).await?;
            let text = format!("{}: a factory reset of {tier} was ordered by {actor}", view.job.id);
            self.log(LogLevel::Warning, "ota", text).await;
            Ok((view, takes))
        };
        let started = started.await;
        self.on_record(entry.clone(), started).await
    }

    /// From the speed at which this gateway took its last snapshot, without the time for which the machine holds it up.
    async fn estimate(&self, image: Option<&RecoveryImage>) -> Result<Duration, OtaError> {
        let speed = self.parts.store.fact(Fact::SnapshotSpeed).await?;
        let speed = speed.and_then(|speed| speed.parse::<u64>().ok()).filter(|speed| *speed > 0);
        let bytes = image.map_or(0, |image| image.length.saturating_mul(PASSES));
        let work = Duration::from_secs(bytes / speed.unwrap_or(FIRST_SPEED));
        Ok(work + self.parts.site.clear_for.saturating_mul(2) + RESTART)
    }

    /// The last moment at which a moving crane stops a reset that installs nothing: the next start carries it out.
    pub(crate) async fn arm_reset(&self, job: &Job) -> Result<JobEvent, StepError> {
        if let Err(blocked) = self.clearance::<ArmGate>(asker(job)) {
            return Ok(JobEvent::GateClosed { reasons: names(&blocked) });
        }
        self.place_reset(job).await?;
        Ok(JobEvent::Armed)
    }

    /// Makes the order of a factory reset durable. Any other job has none, nor has one whose data are reset already.
    pub(crate) async fn place_reset(&self, job: &Job) -> Result<(), StepError> {
        if !awaits_reset(job) {
            return Ok(());
        }
        let record = async |slot| self.parts.store.slot_record(slot).await.map_err(|e| store_failure(&e));
        let mut slots = ota_core::BySlot::default();
        for slot in SlotId::ALL {
            *slots.get_mut(slot) = record(slot).await?;
        }
        let audit = self.parts.store.audit_head().await.map_err(|error| store_failure(&error))?;
        let order = ResetOrder { job: job.clone(), boot_id: self.parts.reboot.boot_id(), audit, slots };
        self.parts.resets.place(&order).await
    }

    /// Takes the order of a factory reset back.
    pub(crate) async fn withdraw_reset(&self, job: &Job) -> Result<(), StepError> {
        if awaits_reset(job) { self.parts.resets.withdraw().await } else { Ok(()) }
    }
}

/// The data of this factory reset are still what they were.
const fn awaits_reset(job: &Job) -> bool {
    match &job.work {
        Work::Reset(reset) => !reset.carried_out,
        _ => false,
    }
}
