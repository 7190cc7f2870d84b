//! From the bytes of a job into its slot: fetched, verified, written, compared.

use jiff::Timestamp;
use ota_core::{
    Bundle, FactoryReset, FailureCode, Job, JobEvent, RestoreSource, SlotRecord, Strategy, UploadedImage,
    Work, WriteGate, check_floor,
};
use std::path::PathBuf;

use super::{Course, wait::names};
use crate::{
    Ota,
    ports::{ImageSource, KeptBundle, Meter, PermittedChange, StepError},
    safety::asker,
    slot_view::store_failure,
};

impl Ota {
    pub(super) async fn fetch(&self, course: &Course, job: &Job) -> Result<JobEvent, StepError> {
        let Work::Release(release) = &job.work else { return Err(nothing_to_fetch(job)) };
        course.gauge.begin_step(release.target.length);
        self.parts.fetcher.fetch(&release.target, &course.gauge.meter, &course.cancel).await?;
        Ok(JobEvent::Fetched)
    }

    /// Where the images of the job are. A download's length is not the running step's, so it has a meter of its own.
    pub(crate) async fn source(&self, course: &Course, job: &Job) -> Result<ImageSource, StepError> {
        Ok(match &job.work {
            Work::Release(release) => {
                let (meter, cancel) = (Meter::default(), &course.cancel);
                ImageSource::Bundle(self.parts.fetcher.fetch(&release.target, &meter, cancel).await?)
            }
            Work::Upload(image) => ImageSource::Bundle(self.uploaded(image).await?),
            Work::Restore(restored) => match &restored.from {
                RestoreSource::Snapshot { id } => ImageSource::Snapshot(id.clone()),
                RestoreSource::Bundle { sha256 } => {
                    ImageSource::Bundle(found(self.parts.kept.list().await?, sha256)?.path)
                }
            },
            Work::Reset(FactoryReset { image: Some(image), .. }) => {
                ImageSource::Bundle(found(self.parts.recovery.list().await?, &image.sha256)?.path)
            }
            Work::Rollback(_) | Work::Snapshot(_) | Work::Reset(_) => return Err(nothing_to_fetch(job)),
        })
    }

    pub(super) async fn verify(&self, course: &Course, job: &Job) -> Result<JobEvent, StepError> {
        let source = self.source(course, job).await?;
        course.gauge.begin_step(job.work.length());
        let (meter, cancel) = (&course.gauge.meter, &course.cancel);
        let bundle = match source {
            ImageSource::Bundle(path) => self.parts.bundles.verify(path, meter, cancel).await?,
            ImageSource::Snapshot(id) => self.parts.snapshots.verify(&id, meter, cancel).await?,
        };
        require_version(job, &bundle)?;
        self.require_floor(&bundle)?;
        self.check_fit(job, &bundle).await?;
        if job.order.is_some() {
            self.require_strategy(job.strategy(), &bundle)?;
        }
        Ok(JobEvent::Verified(bundle))
    }

    /// The version floor may have been raised since a snapshot was taken; what is in a bundle the verifier has looked at.
    fn require_floor(&self, bundle: &Bundle) -> Result<(), StepError> {
        check_floor(&bundle.version, self.parts.site.version_floor.as_deref()).map_err(|error| {
            StepError::failed(FailureCode::InvalidImage, format!("{error}."), "below the version floor")
        })
    }

    /// A bundle of components alone has nothing for the other slot.
    pub(crate) fn require_strategy(&self, strategy: Strategy, bundle: &Bundle) -> Result<(), StepError> {
        if strategy == Strategy::Rolling || bundle.has_root() {
            return Ok(());
        }
        let message = "The bundle brings components and no system. Install it with the strategy rolling.";
        Err(StepError::failed(FailureCode::InvalidImage, message, strategy.as_str()))
    }

    pub(super) async fn mark_target_bad(&self, job: &Job) -> Result<JobEvent, StepError> {
        self.refuse_booted(job.target)?;
        self.forget_proof();
        self.parts.boot.commit(PermittedChange::mark_bad(job.target)).await?;
        self.mark_record(job.target, false).await?;
        Ok(JobEvent::MarkedBad)
    }

    pub(super) async fn write_slot(&self, course: &Course, job: &Job) -> Result<JobEvent, StepError> {
        self.refuse_booted(job.target)?;
        let (meter, cancel) = (&course.gauge.meter, &course.cancel);
        let source = self.source(course, job).await?;
        let bundle = verified(job)?.system();
        let clearance = match self.clearance::<WriteGate>(asker(job)) {
            Ok(clearance) => clearance,
            Err(blocked) => return Ok(JobEvent::GateClosed { reasons: names(&blocked) }),
        };
        course.gauge.begin_step(bundle.image_bytes());
        self.parts.slots.write(job.target, source, &bundle, clearance, meter, cancel).await?;
        Ok(JobEvent::Written)
    }

    /// Compares the slot with what the job knows of it: what it has written, or what was there before.
    pub(super) async fn read_back(&self, course: &mut Course, job: &Job) -> Result<JobEvent, StepError> {
        if matches!(job.work, Work::Rollback(_)) {
            return self.prove_former(course, job).await;
        }
        let bundle = verified(job)?.system();
        course.gauge.begin_step(bundle.image_bytes());
        let (meter, cancel) = (&course.gauge.meter, &course.cancel);
        course.proof = Some(self.parts.slots.read_back(job.target, &bundle, meter, cancel).await?);
        let record = record_of(job, self.parts.clock.now())?;
        let saved = self.parts.store.put_slot_record(job.target, &record).await;
        saved.map_err(|error| store_failure(&error))?;
        Ok(JobEvent::ReadBackMatched)
    }

    /// The file of an uploaded image.
    async fn uploaded(&self, image: &UploadedImage) -> Result<PathBuf, StepError> {
        let gone = || {
            let message =
                format!("The uploaded image {} is not there any more. Upload it again.", image.name);
            StepError::failed(FailureCode::InstallFailed, message, &image.sha256)
        };
        let images = self.parts.uploads.images().await?;
        images.into_iter().find(|kept| kept.sha256 == image.sha256).map(|kept| kept.path).ok_or_else(gone)
    }
}

/// What a slot holds that was written with the job's images and compared `at` this time.
pub(crate) fn record_of(job: &Job, at: Timestamp) -> Result<SlotRecord, StepError> {
    Ok(SlotRecord::proven(&verified(job)?.system(), job.work.kernel(), at))
}

/// The bundle that is kept under this hash.
fn found(kept: Vec<KeptBundle>, sha256: &str) -> Result<KeptBundle, StepError> {
    let gone = || {
        let message = "The bundle that was kept is not there any more.";
        StepError::failed(FailureCode::InstallFailed, message, sha256)
    };
    kept.into_iter().find(|bundle| bundle.sha256 == sha256).ok_or_else(gone)
}

/// Who listed the image called it by a version; the signed one must be the same.
fn require_version(job: &Job, bundle: &Bundle) -> Result<(), StepError> {
    if bundle.version == job.work.version() {
        return Ok(());
    }
    let message =
        format!("This is called {}, but the signed bundle is {}.", job.work.version(), bundle.version);
    Err(StepError::failed(FailureCode::InvalidImage, message, &job.id))
}

fn nothing_to_fetch(job: &Job) -> StepError {
    let message = "This operation brings no image.";
    StepError::failed(FailureCode::InstallFailed, message, job.work.kind().as_str())
}

pub(crate) fn verified(job: &Job) -> Result<&Bundle, StepError> {
    job.bundle.as_ref().ok_or_else(|| {
        let message = "The bundle has not been verified.";
        StepError::failed(FailureCode::InstallFailed, message, "the job carries no bundle facts")
    })
}
