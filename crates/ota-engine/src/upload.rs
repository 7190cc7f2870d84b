//! Section 3: images that a person brings, and putting one into the other slot.

use ota_core::{
    Actor, AuditAction, AuditEntry, AuditOutcome, Bundle, FailureCode, InstallOrder, Operation, Phase,
    Strategy, UploadedImage, Work, file_label,
};
use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

use crate::{
    Change, Event, JobView, Ota, OtaError,
    new_job::NewJob,
    ports::{Body, LogLevel, Meter, ReceivedFile, StepError, StoredImage, UnfinishedUpload, UploadFault},
};

/// Time between two looks for images whose time is over.
const ROUND: Duration = Duration::from_secs(600);
/// Time between the last moment at which an image can be deployed and its removal.
const GRACE: Duration = Duration::from_secs(60);
/// Characters of the version that an uploader gives.
const LONGEST_LABEL: usize = 64;

/// Which uploaded image is to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeployOrder {
    pub filename: String,
    /// Hexadecimal.
    pub sha256: String,
    /// The label or the signed version where given.
    pub version: Option<String>,
    /// Must be the slot that is written where given: the inactive one, or with [`Strategy::InPlace`] the running one.
    pub target: Option<String>,
    pub install: InstallOrder,
    /// That of the settings where none is given.
    pub strategy: Option<Strategy>,
}

/// What can be deployed, and the room for more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UploadsView {
    /// Newest first.
    pub images: Vec<StoredImage>,
    /// Uploads that wait for their rest, as they stood when their last part ended.
    pub unfinished: Vec<UnfinishedUpload>,
    /// Bytes.
    pub room: u64,
}

impl Ota {
    /// Takes in a file of `length` bytes, where that is known.
    ///
    /// # Errors
    /// [`UploadFault`]; nothing is left of it then, nor when the returned future is dropped.
    pub async fn receive_upload(&self, length: Option<u64>, body: Body) -> Result<ReceivedFile, UploadFault> {
        self.parts.uploads.receive(length, body).await
    }

    /// Records that an upload was refused before it could be verified.
    pub async fn upload_refused(&self, action: AuditAction, name: &str, reason: &str, actor: &Actor) {
        let entry = AuditEntry::attempt(actor, action).about(file_label(name)).saying(reason);
        self.audit_refusal(&entry.with_outcome(AuditOutcome::refused("not_received"))).await;
    }

    /// Verifies a file that has come in and keeps it for a deployment. One at a time: the next one waits.
    ///
    /// # Errors
    /// What the verifier finds; then nothing is kept.
    pub async fn verify_upload(
        self: &Arc<Self>,
        file: ReceivedFile,
        name: &str,
        label: Option<String>,
        actor: &Actor,
    ) -> Result<StoredImage, OtaError> {
        let name = file_label(name);
        let entry = AuditEntry::attempt(actor, AuditAction::UploadVerify).about(name.as_str());
        let verified = self.try_verify(file, name, label, &entry).await;
        match &verified {
            Ok(image) => {
                let detail =
                    format!("{} is verified, signed by {}", image.bundle.version, image.bundle.signer);
                self.audit_result(&entry.with_outcome(AuditOutcome::Succeeded).saying(detail)).await;
                self.refresh_uploads().await;
            }
            Err(error) => self.audit_error(entry, error).await,
        }
        verified
    }

    async fn try_verify(
        &self,
        file: ReceivedFile,
        name: String,
        label: Option<String>,
        entry: &AuditEntry,
    ) -> Result<StoredImage, OtaError> {
        let label = fit_label(label)?;
        let _lane = self.verify_lane.lock().await;
        let detail = format!("sha256:{}, {} bytes", file.sha256, file.size);
        self.audit(&entry.clone().saying(detail)).await?;
        let (meter, cancel) = (Meter::default(), self.stop.child_token());
        let (bundle, unfit) = self.examine(&file, &meter, &cancel).await?;
        let until = self.parts.clock.now() + self.parts.uploads.keeps_for();
        let image = StoredImage {
            path: file.path.clone(),
            name,
            label,
            size: file.size,
            sha256: file.sha256.clone(),
            bundle,
            unfit,
            kept_until: until,
        };
        Ok(self.parts.uploads.keep(file, image).await?)
    }

    /// The facts of the file, and why it cannot be deployed here where it cannot.
    pub(crate) async fn examine(
        &self,
        file: &ReceivedFile,
        meter: &Meter,
        cancel: &CancellationToken,
    ) -> Result<(Bundle, Option<String>), StepError> {
        let examined = self.parts.bundles.examine(file.path.clone(), meter, cancel).await;
        let (bundle, unfit) = examined.map_err(of_an_upload)?;
        if unfit.is_some() {
            return Ok((bundle, unfit));
        }
        let target = self.parts.slots.running().target();
        // It is deployed into a slot.
        let unfit = match self.parts.slots.check_fit(target, &self.beside_components(&bundle)).await {
            Ok(()) => None,
            Err(error) => error.failure().map(|failure| failure.message),
        };
        Ok((bundle, unfit))
    }

    /// Puts an uploaded image into the slot that its strategy writes.
    ///
    /// # Errors
    /// [`OtaError::UnknownImage`], [`OtaError::Unfit`], the operation gate, the safety verdict.
    pub async fn deploy(self: &Arc<Self>, order: DeployOrder, actor: &Actor) -> Result<JobView, OtaError> {
        let entry = AuditEntry::attempt(actor, AuditAction::Deploy).saying(file_label(&order.filename));
        let started = async {
            self.must_be_up()?;
            let install = self.planned(order.install, order.strategy)?;
            let target = self.target_slot(order.target.as_deref(), Some(&install))?;
            self.require_way_back(&install, 0).await?;
            let image = self.deployable(&order).await?;
            let new = NewJob {
                work: Work::Upload(image),
                target,
                bundle: None,
                order: Some(install),
                operation: Operation::ChangeSlot,
                phase: Some(Phase::Start),
            };
            self.start_job(new, &entry).await
        };
        let started = started.await;
        self.on_record(entry, started).await
    }

    async fn deployable(&self, order: &DeployOrder) -> Result<UploadedImage, OtaError> {
        let name = file_label(&order.filename);
        let images = self.parts.uploads.images().await?;
        let now = self.parts.clock.now();
        let found = images
            .into_iter()
            .find(|image| image.sha256 == order.sha256 && image.name == name && now < image.kept_until);
        let image = found.ok_or(OtaError::UnknownImage(name))?;
        if let Some(version) = &order.version
            && *version != image.bundle.version
            && image.label.as_ref() != Some(version)
        {
            let (is, version) = (&image.bundle.version, version.chars().take(64).collect::<String>());
            return Err(OtaError::BadRequest(format!("{} is version {is}, not {version}.", image.name)));
        }
        if let Some(reason) = image.unfit {
            return Err(OtaError::Unfit(format!("{} cannot be deployed here: {reason}", image.name)));
        }
        Ok(UploadedImage {
            name: image.name,
            label: image.label,
            version: image.bundle.version,
            length: image.size,
            sha256: image.sha256,
        })
    }

    /// Hashes of the uploaded images that open jobs read.
    async fn images_in_use(&self) -> Vec<String> {
        let desk = self.desk.lock().await;
        desk.iter()
            .filter_map(|job| match &job.work {
                Work::Upload(image) => Some(image.sha256.clone()),
                _ => None,
            })
            .collect()
    }

    /// Removes images whose time is over, and uploads that nobody goes on with, again and again.
    pub(crate) async fn expire_uploads(self: Arc<Self>) {
        loop {
            // An image is deployed until its time is over and removed a while after that, so that no job begins with one that goes.
            let over = self.parts.clock.now() - GRACE;
            let in_use = self.images_in_use().await;
            match self.parts.uploads.expire(over, &in_use).await {
                Ok(false) => {}
                Ok(true) => {
                    self.log(LogLevel::Info, "ota", "uploaded images that were kept long enough are removed")
                        .await;
                    self.refresh_uploads().await;
                }
                Err(error) => tracing::warn!(%error, "old uploads cannot be removed"),
            }
            self.expire_unfinished().await;
            if self.stop.run_until_cancelled(tokio::time::sleep(ROUND)).await.is_none() {
                return;
            }
        }
    }

    /// Reads again what can be deployed.
    pub(crate) async fn refresh_uploads(&self) {
        let _lane = self.view_lane.lock().await;
        let read = async {
            let uploads = &self.parts.uploads;
            let (images, unfinished) = (uploads.images().await?, uploads.unfinished());
            Ok::<_, StepError>(UploadsView { images, unfinished, room: uploads.room().await? })
        };
        match read.await {
            Ok(view) => {
                let view = Arc::new(view);
                self.update(|snapshot| snapshot.uploads = Arc::clone(&view));
                self.tell(Event::Changed(Change::Uploads));
            }
            Err(error) => tracing::error!(%error, "what was uploaded cannot be read"),
        }
    }
}

/// The version that an uploader gave, where it is one.
pub(crate) fn fit_label(label: Option<String>) -> Result<Option<String>, OtaError> {
    let label = label.map(|label| label.trim().to_owned()).filter(|label| !label.is_empty());
    let bad = |label: &String| label.chars().count() > LONGEST_LABEL || label.contains(char::is_control);
    if label.as_ref().is_some_and(bad) {
        let message = format!("version must be one line of at most {LONGEST_LABEL} characters.");
        return Err(OtaError::BadRequest(message));
    }
    Ok(label)
}

/// What says of a download that it cannot be read says so of an upload.
fn of_an_upload(error: StepError) -> StepError {
    match error {
        StepError::Failed { code: FailureCode::DownloadFailed, detail, .. } => {
            let message =
                "The uploaded image cannot be read back. Check the gateway's disk, then upload it again.";
            StepError::failed(FailureCode::RecoveryFailed, message, detail)
        }
        other => other,
    }
}
