//! Starting a download, and with it, where ordered, the whole way to the new system.

use jiff::Timestamp;
use ota_core::{
    Actor, Admission, AuditAction, AuditEntry, Effect, InstallOrder, Job, JobEvent, JobId, JobKind,
    Operation, Phase, Refusal, Release, SlotId, Strategy, Work,
};
use std::sync::{Arc, atomic::Ordering};

use crate::{InstallCommand, JobView, Ota, OtaError, job_log::SUPERSEDED, ports::StepError, safety::starter};

/// What somebody wants to download.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DownloadOrder {
    pub update_id: String,
    /// Must be the update's where given.
    pub version: Option<String>,
    /// Must be the slot that is written where given: the inactive one, or with [`Strategy::InPlace`] the running one.
    pub target: Option<String>,
    /// Only true is accepted.
    pub verify_signature: bool,
    /// Go on with the installation.
    pub install: Option<InstallOrder>,
    /// The end of the maintenance window that begins it; none where a person does.
    pub restart_until: Option<Timestamp>,
    /// That of the settings where none is given.
    pub strategy: Option<Strategy>,
}

impl Ota {
    /// Starts the job, or finds that the very file is downloaded and verified already.
    ///
    /// # Errors
    /// Each check has its own: the update, the request, the gateway's model and version floor, the operation gate, the
    /// safety verdict, the room in staging. None of them leaves a trace.
    pub async fn start_download(
        self: &Arc<Self>,
        order: DownloadOrder,
        actor: &Actor,
    ) -> Result<JobView, OtaError> {
        let entry = AuditEntry::attempt(actor, AuditAction::Download).about(order.update_id.as_str());
        let started = self.try_start_download(order, actor).await;
        if let Err(error) = &started {
            self.audit_error(entry, error).await;
        }
        started
    }

    async fn try_start_download(
        self: &Arc<Self>,
        order: DownloadOrder,
        actor: &Actor,
    ) -> Result<JobView, OtaError> {
        self.must_be_up()?;
        let release = self.offered(&order)?;
        let install = order.install.map(|install| self.planned(install, order.strategy)).transpose()?;
        let target = self.target_slot(order.target.as_deref(), install.as_ref())?;
        if let Some(install) = &install {
            self.require_way_back(install, release.target.length).await?;
        }
        let mut desk = self.desk.lock().await;
        let operation =
            Operation::Download { sha256: &release.target.sha256, writes_slot: install.is_some() };
        let superseded = match ota_core::admit(&operation, &desk).map_err(busy)? {
            Admission::Start { superseded } => superseded,
            Admission::AlreadyDone { job } => {
                drop(desk);
                return self.already_downloaded(job, install, order.restart_until, actor).await;
            }
        };
        self.permit(Phase::Start, starter(actor, None))?;
        self.parts.fetcher.check_space(&release.target).await.map_err(no_room)?;
        let (mut job, effect) = self.new_job(release, target, install, actor).await?;
        job.restart_until = order.restart_until;
        let ended = self.supersede(&mut desk, &superseded, &job)?;
        self.audit_order(&job).await?;
        let now = self.parts.clock.now();
        let mut saved: Vec<&Job> = ended.iter().collect();
        saved.push(&job);
        let audit: Vec<_> = ended.iter().map(|ended| superseded_entry(ended, &job)).collect();
        self.parts.store.save_jobs(&saved, now, &audit).await?;
        desk.retain(|open| !superseded.contains(&open.id));
        desk.push(job.clone());
        self.bind_override(&job.id, &job.actor);
        for job in &ended {
            self.announce(job, &desk).await;
        }
        self.drive(job.id.clone(), effect);
        self.announce(&job, &desk).await;
        drop(desk);
        Ok(self.view(&job))
    }

    /// What was ordered is on record before anything of it is done.
    async fn audit_order(&self, job: &Job) -> Result<(), OtaError> {
        let about = |action, detail: String| {
            AuditEntry::attempt(&job.actor, action).about(job.id.as_str()).saying(detail)
        };
        let (id, version) = (job.work.release_id(), job.work.version());
        self.audit(&about(AuditAction::Download, format!("{id}, {version}"))).await?;
        match job.order {
            Some(order) => self.audit(&about(AuditAction::Install, install_detail(job, order))).await,
            None => Ok(()),
        }
    }

    async fn new_job(
        &self,
        release: Release,
        target: SlotId,
        order: Option<InstallOrder>,
        actor: &Actor,
    ) -> Result<(Job, Effect), OtaError> {
        let id = self.parts.store.next_job_id(JobKind::Update).await?;
        let from = self.snapshot().running_version().to_owned();
        let now = self.parts.clock.now();
        let mut job = Job::new(id, Work::Release(release), target, from, actor.clone(), now);
        job.order = order;
        let effect =
            job.apply(JobEvent::Start, now).map_err(|denied| OtaError::Internal(denied.to_string()))?;
        let effect = effect.ok_or_else(|| OtaError::Internal("a new job has nothing to do".to_owned()))?;
        Ok((job, effect))
    }

    /// Waiting downloads that the new one takes the place of, as they are afterwards.
    fn supersede(&self, desk: &mut [Job], superseded: &[JobId], by: &Job) -> Result<Vec<Job>, OtaError> {
        let mut ended = Vec::new();
        for job in desk.iter().filter(|job| superseded.contains(&job.id)) {
            let mut job = job.clone();
            let reason = format!("{SUPERSEDED} {} ({})", by.work.version(), by.id);
            let cancel = JobEvent::Cancel { percentage: 100.0, reason };
            job.apply(cancel, self.parts.clock.now())
                .map_err(|denied| OtaError::Internal(denied.to_string()))?;
            ended.push(job);
        }
        Ok(ended)
    }

    async fn already_downloaded(
        self: &Arc<Self>,
        job: JobId,
        order: Option<InstallOrder>,
        restart_until: Option<Timestamp>,
        actor: &Actor,
    ) -> Result<JobView, OtaError> {
        match order {
            None => {
                // Nothing is done, and it may be asked for as often as what is refused.
                let entry = AuditEntry::success(actor, AuditAction::Download).about(job.as_str());
                self.audit_refusal(&entry.saying("it had been downloaded and verified before")).await;
                self.progress(&job).await
            }
            Some(order) => {
                let strategy = Some(order.strategy);
                self.install(InstallCommand { job, strategy, order, restart_until }, actor).await
            }
        }
    }

    /// The release that the order means, if this gateway may install it.
    fn offered(&self, order: &DownloadOrder) -> Result<Release, OtaError> {
        if !order.verify_signature {
            return Err(OtaError::BadRequest(
                "Signatures are always verified: verify_signature must be true.".into(),
            ));
        }
        let snapshot = self.snapshot();
        let catalog = snapshot.catalog.as_ref();
        let release = catalog.and_then(|c| c.releases.iter().find(|release| release.id == order.update_id));
        let release = release.ok_or_else(|| OtaError::UnknownUpdate(order.update_id.clone()))?;
        if let Some(version) = &order.version
            && *version != release.version
        {
            return Err(OtaError::BadRequest(format!(
                "Update {} is version {}, not {version}.",
                release.id, release.version
            )));
        }
        let floor = self.parts.site.version_floor.as_deref();
        release.check(&self.parts.site.model, floor).map_err(|invalid| {
            OtaError::Unfit(format!("Update {} cannot be installed: {invalid}.", release.id))
        })?;
        Ok(release.clone())
    }

    /// Until the jobs are reconciled nobody knows whether the gate is free.
    pub(crate) fn must_be_up(&self) -> Result<(), OtaError> {
        if self.reconciled.load(Ordering::Acquire) { Ok(()) } else { Err(OtaError::Starting) }
    }
}

/// What an installation will do.
pub(crate) fn install_detail(job: &Job, order: InstallOrder) -> String {
    let first = if order.create_snapshot { "snapshot, then " } else { "" };
    let then = if order.reboot_after { ", then restart" } else { "" };
    let place = if order.is_in_place() { ", which runs" } else { "" };
    let one_by_one = if order.strategy == Strategy::Rolling { "one component at a time, " } else { "" };
    format!("{first}{one_by_one}{} into slot {}{place}{then}", job.work.version(), job.target)
}

fn superseded_entry(ended: &Job, by: &Job) -> AuditEntry {
    let entry = AuditEntry::success(&by.actor, AuditAction::Cancel).about(ended.id.as_str());
    entry.saying(format!("{SUPERSEDED} {} ({})", by.work.version(), by.id))
}

pub(crate) fn busy(refusal: Refusal) -> OtaError {
    OtaError::Busy { holder: refusal.holder, state: refusal.state }
}

/// What is refused before anything is begun.
pub(crate) fn no_room(error: StepError) -> OtaError {
    match error.failure() {
        Some(failure) => OtaError::NoRoom(failure),
        None => error.into(),
    }
}
