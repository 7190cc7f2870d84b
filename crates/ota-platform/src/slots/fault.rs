//! What can go wrong with a slot: the operator's sentence and the log's detail.

use crate::causes::causes;
use ota_core::{Bundle, FailureCode, ImageFacts, SlotId};
use ota_engine::ports::StepError;
use rustix::io::Errno;
use std::io;
use std::path::Path;

fn install(message: impl Into<String>, detail: impl ToString) -> StepError {
    StepError::failed(FailureCode::InstallFailed, message, detail)
}

pub(super) fn booted(slot: SlotId, detail: &str) -> StepError {
    install(
        format!("Slot {slot} holds the running system, which is never overwritten. Nothing was changed."),
        detail,
    )
}

pub(super) fn no_root_image(bundle: &Bundle) -> StepError {
    let classes: Vec<_> = bundle.images.iter().map(|image| image.class.as_str()).collect();
    StepError::failed(
        FailureCode::InvalidImage,
        "The bundle contains no root image. It cannot be installed on this gateway.",
        format!("image classes of the bundle: {classes:?}"),
    )
}

pub(super) fn no_place(slot: SlotId, class: &str) -> StepError {
    StepError::failed(
        FailureCode::InvalidImage,
        format!("The bundle contains an image “{class}” for which slot {slot} of this gateway has no place."),
        format!("no place is configured for class {class} in slot {slot}"),
    )
}

pub(super) fn no_snapshots() -> StepError {
    install("Snapshots cannot be restored here.", "the slots were opened without a store of snapshots")
}

/// # Errors
/// `InsufficientSpace` when the image is larger than `size` bytes.
pub(super) fn require_fit(slot: SlotId, image: &ImageFacts, size: u64) -> Result<(), StepError> {
    if image.size <= size {
        return Ok(());
    }
    Err(StepError::failed(
        FailureCode::InsufficientSpace,
        format!(
            "The image “{}” needs {} and slot {slot} has room for {}. Build a smaller image.",
            image.class,
            megabytes(image.size),
            megabytes(size)
        ),
        format!("image {}: {} bytes, slot {slot}: {size} bytes", image.class, image.size),
    ))
}

/// A slot that cannot even be opened or measured.
pub(super) fn unusable(place: &Path, action: &str, error: &io::Error) -> StepError {
    let message = match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::BUSY) => "The slot is in use. Unmount what is mounted from it, then try again.",
        _ => "The slot cannot be used. Check the storage and the configuration of the slots.",
    };
    install(message, format!("cannot {action} {}: {error}", place.display()))
}

/// A write that the device did not take.
pub(super) fn write(place: &Path, offset: u64, error: &io::Error) -> StepError {
    let detail = format!("writing {} at byte {offset}: {error}", place.display());
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::NOSPC | Errno::FBIG | Errno::DQUOT) => StepError::failed(
            FailureCode::InsufficientSpace,
            "The storage of the slot is full. Free space on it, then try again.",
            detail,
        ),
        _ => install("The slot could not be written. Check the storage, then try again.", detail),
    }
}

pub(super) fn read(place: &Path, offset: u64, error: &io::Error) -> StepError {
    install(
        "The slot could not be read back. Check the storage, then try again.",
        format!("reading {} at byte {offset}: {error}", place.display()),
    )
}

pub(super) fn differs(place: &Path, image: &ImageFacts, found: &str) -> StepError {
    StepError::Differs {
        message: "The slot does not hold what was written to it. Check the storage, then install again."
            .to_owned(),
        detail: format!(
            "{}: SHA-256 {found}, signed {} ({} bytes)",
            place.display(),
            image.sha256,
            image.size
        ),
    }
}

/// The staged file is not, or no longer, what was verified.
pub(super) fn bundle(path: &Path, error: &raucb::Error) -> StepError {
    match error.kind() {
        raucb::ErrorKind::Cancelled => StepError::Cancelled,
        raucb::ErrorKind::Io => install(
            "The downloaded bundle cannot be read. Check the storage, then try again.",
            format!("{}: {}", path.display(), causes(error)),
        ),
        _ => changed(path, &causes(error)),
    }
}

pub(super) fn changed(path: &Path, detail: &str) -> StepError {
    install(
        "The downloaded bundle is not the one that was verified. Download it again.",
        format!("{}: {detail}", path.display()),
    )
}

#[allow(clippy::cast_precision_loss, reason = "shown with one decimal")]
fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
