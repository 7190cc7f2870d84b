use ota_api::{
    ApiError, human, routes,
    upload::{
        Compatibility, DeployRequest, DeployStarted, DeployedImage, ImageFile, ImageMetadata,
        UnfinishedUpload, Uploads, VerifiedImage,
    },
};
use ota_core::{InstallOrder, Strategy, Work};
use ota_engine::{
    DeployOrder, JobView, OtaError, Snapshot,
    ports::{ResumeFault, StoredImage, UploadId},
};

use super::{bad_request, instant};

const CHECKSUM: &str = "sha256:";

/// The answer of `GET upload`.
#[must_use]
pub fn uploads(snapshot: &Snapshot) -> Uploads {
    let view = &snapshot.uploads;
    Uploads {
        images: view.images.iter().map(verified_image).collect(),
        unfinished: view.unfinished.iter().map(unfinished).collect(),
        room_bytes: view.room,
        room: human::size(view.room),
    }
}

fn unfinished(upload: &ota_engine::ports::UnfinishedUpload) -> UnfinishedUpload {
    UnfinishedUpload {
        upload_id: upload.id.to_string(),
        name: upload.name.clone(),
        size_bytes: upload.length,
        received_bytes: upload.offset,
        expires_at: instant(upload.expires_at),
    }
}

/// Which upload is meant.
///
/// # Errors
/// As for one that is not there.
pub fn upload_id(text: &str) -> Result<UploadId, ApiError> {
    text.parse().map_err(|_| super::refusal(OtaError::Upload(ResumeFault::Unknown)))
}

/// The answer of `POST upload/verify` and `POST upload/finish`.
#[must_use]
pub fn verified_image(image: &StoredImage) -> VerifiedImage {
    let fits = image.unfit.is_none();
    let hardware = if fits { Compatibility::COMPATIBLE } else { Compatibility::INCOMPATIBLE };
    VerifiedImage {
        verified: true,
        file: ImageFile {
            name: image.name.clone(),
            size: human::size(image.size),
            size_bytes: image.size,
            checksum: format!("{CHECKSUM}{}", image.sha256),
            version: image.label.clone().unwrap_or_else(|| image.bundle.version.clone()),
        },
        metadata: ImageMetadata {
            kernel: image.bundle.kernel.clone().unwrap_or_else(|| "unknown".to_owned()),
            signature: "verified".to_owned(),
            signer: image.bundle.signer.clone(),
            signed_version: image.bundle.version.clone(),
        },
        compatibility: Compatibility { hardware: hardware.to_owned(), reason: image.unfit.clone() },
        kept_until: instant(image.kept_until),
    }
}

/// What `POST upload/deploy` orders.
///
/// # Errors
/// A checksum that is none.
pub fn deploy_order(request: DeployRequest) -> Result<DeployOrder, ApiError> {
    let digits = request.checksum.strip_prefix(CHECKSUM).unwrap_or_default();
    if digits.len() != 64 || !digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(bad_request("checksum must be sha256: and 64 lower-case hexadecimal digits."));
    }
    Ok(DeployOrder {
        sha256: digits.to_owned(),
        filename: request.filename,
        version: request.version,
        target: request.target_partition,
        install: InstallOrder {
            reboot_after: request.reboot_after,
            create_snapshot: request.create_snapshot,
            strategy: Strategy::Seamless,
        },
    })
}

/// The answer of `POST upload/deploy`.
#[must_use]
pub fn deploy_started(view: &JobView) -> DeployStarted {
    let job = &view.job;
    let image = match &job.work {
        Work::Upload(image) => DeployedImage {
            name: image.name.clone(),
            version: image.label.clone().unwrap_or_else(|| image.version.clone()),
        },
        work => DeployedImage { name: String::new(), version: work.version().to_owned() },
    };
    DeployStarted {
        job_id: job.id.to_string(),
        status: job.status().to_owned(),
        image,
        target_partition: job.target,
        progress_url: routes::progress_url(job.id.as_str()),
    }
}
