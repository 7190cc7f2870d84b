//! Section 3: images that come in parts, and go on after a lost connection.

use ota_core::{Actor, AuditAction, Failure, FailureCode, file_label};
use std::{
    collections::VecDeque,
    sync::{Arc, MutexGuard, PoisonError},
};

use crate::{
    Ota, OtaError,
    ports::{Body, KeptBundle, LogLevel, NewUpload, StoredImage, UnfinishedUpload, UploadId},
    upload::fit_label,
};

/// Uploads whose end is remembered.
const REMEMBERED: usize = 16;

/// How uploads ended of late, newest last. A client whose connection broke while its image was verified asks again.
#[derive(Default)]
pub(crate) struct FinishedUploads(VecDeque<(UploadId, Result<StoredImage, Failure>)>);

impl FinishedUploads {
    fn remember(&mut self, id: UploadId, end: Result<StoredImage, Failure>) {
        self.0.push_back((id, end));
        if self.0.len() > REMEMBERED {
            self.0.pop_front();
        }
    }

    fn recall(&self, id: UploadId) -> Option<Result<StoredImage, Failure>> {
        self.0.iter().rfind(|(known, _)| *known == id).map(|(_, end)| end.clone())
    }
}

impl Ota {
    /// Takes note of an image that will come in parts, and keeps room for it.
    ///
    /// # Errors
    /// [`OtaError::BadRequest`] for a label that is none; [`OtaError::Upload`] and [`OtaError::Step`] where it is too long, or there
    /// is no room for it. A refusal is recorded.
    pub async fn begin_upload(
        &self,
        length: u64,
        name: &str,
        label: Option<String>,
        actor: &Actor,
    ) -> Result<UnfinishedUpload, OtaError> {
        let begun = async {
            let new = NewUpload { length, name: file_label(name), label: fit_label(label)? };
            Ok::<_, OtaError>(self.parts.uploads.begin(new).await?)
        };
        let begun = begun.await;
        match &begun {
            Ok(_) => self.refresh_uploads().await,
            Err(error) => {
                self.upload_refused(AuditAction::UploadVerify, name, &error.to_string(), actor).await
            }
        }
        begun
    }

    /// How far an upload is, for a client that goes on with it. The line of the one before may be dead without anybody knowing: it
    /// is stopped.
    ///
    /// # Errors
    /// [`OtaError::Upload`] when there is none.
    pub async fn settle_upload(&self, id: UploadId) -> Result<UnfinishedUpload, OtaError> {
        Ok(self.parts.uploads.settle(id).await?)
    }

    fn unfinished_upload(&self, id: UploadId) -> Result<UnfinishedUpload, OtaError> {
        Ok(self.parts.uploads.find(id)?)
    }

    /// Adds a part that begins at byte `offset` and has `length` bytes, where that is known.
    ///
    /// # Errors
    /// [`OtaError::Upload`]; what came and fits is on the disk all the same.
    pub async fn append_upload(
        &self,
        id: UploadId,
        offset: u64,
        length: Option<u64>,
        body: Body,
    ) -> Result<UnfinishedUpload, OtaError> {
        let appended = self.parts.uploads.append(id, offset, length, body).await;
        self.refresh_uploads().await;
        Ok(appended?)
    }

    /// Forgets an upload.
    ///
    /// # Errors
    /// [`OtaError::Upload`] when there is none, [`OtaError::Step`] where it cannot be removed.
    pub async fn discard_upload(&self, id: UploadId) -> Result<(), OtaError> {
        self.parts.uploads.discard(id).await?;
        self.refresh_uploads().await;
        Ok(())
    }

    /// Verifies an upload of which everything has come, under `label` where one is given. Asked again after its end, it says the
    /// same again for a while.
    ///
    /// # Errors
    /// [`OtaError::Upload`] when something is missing, it is in use or unknown; and what
    /// [`Ota::verify_upload`] finds. An image that was refused is not kept; one that could not be looked at is.
    pub async fn finish_upload(
        self: &Arc<Self>,
        id: UploadId,
        label: Option<String>,
        actor: &Actor,
    ) -> Result<StoredImage, OtaError> {
        if let Some(end) = self.finished().recall(id) {
            return end.map_err(OtaError::Step);
        }
        let upload = self.unfinished_upload(id)?;
        let label = fit_label(label)?.or(upload.label);
        let file = self.parts.uploads.complete(id, &self.stop.child_token()).await?;
        let verified = self.verify_upload(file, &upload.name, label, actor).await;
        let end = match &verified {
            Ok(image) => Ok(image.clone()),
            Err(OtaError::Step(failure)) if is_final(failure) => Err(failure.clone()),
            Err(_) => return verified,
        };
        self.finished().remember(id, end);
        if let Err(fault) = self.discard_upload(id).await {
            tracing::warn!(%fault, %id, "a finished upload stays until it expires");
        }
        verified
    }

    /// Verifies an upload of which everything has come and keeps it as the recovery image; the name that it came under.
    ///
    /// # Errors
    /// [`OtaError::Upload`] when something is missing, it is in use or unknown; and what [`Ota::keep_recovery_image`] finds.
    pub async fn finish_recovery(
        &self,
        id: UploadId,
        actor: &Actor,
    ) -> Result<(KeptBundle, String), OtaError> {
        let upload = self.unfinished_upload(id)?;
        let file = self.parts.uploads.complete(id, &self.stop.child_token()).await?;
        let kept = self.keep_recovery_image(file, &upload.name, actor).await;
        let over = match &kept {
            Ok(_) | Err(OtaError::Unfit(_)) => true,
            Err(OtaError::Step(failure)) => is_final(failure),
            Err(_) => false,
        };
        if over && let Err(fault) = self.discard_upload(id).await {
            tracing::warn!(%fault, %id, "a finished upload stays until it expires");
        }
        Ok((kept?, upload.name))
    }

    fn finished(&self) -> MutexGuard<'_, FinishedUploads> {
        self.finished_uploads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Discards uploads that nobody has gone on with for too long.
    pub(crate) async fn expire_unfinished(&self) {
        match self.parts.uploads.expire_unfinished(self.parts.clock.now()).await {
            Ok(false) => {}
            Ok(true) => {
                let message = "interrupted uploads that nobody went on with are removed";
                self.log(LogLevel::Info, "ota", message).await;
                self.refresh_uploads().await;
            }
            Err(error) => tracing::warn!(%error, "interrupted uploads cannot be removed"),
        }
    }
}

/// Whether the same bytes would be refused again.
const fn is_final(failure: &Failure) -> bool {
    matches!(failure.code, FailureCode::InvalidImage | FailureCode::SignatureFailed)
}
