//! The place of a component, through the same writer and reader as the slots.

use super::guard::Guard;
use super::{Assignment, device, fault, open, read_back, write};
use crate::blocking::Control;
use ota_core::{FailureCode, ImageFacts, SlotId};
use ota_engine::ports::StepError;
use raucb::Policy;
use std::path::{Path, PathBuf};

/// The slot that a place stands for in the writer, which knows two; nothing of it reaches people.
const PLACE: SlotId = SlotId::A;

/// # Errors
/// `InsufficientSpace` when the image is larger than the place, `InstallFailed` when that cannot be told.
pub(crate) fn check_fit(image: &ImageFacts, place: &Path) -> Result<(), StepError> {
    let fits = open(place)
        .and_then(|file| device::size(&file).map_err(|error| fault::unusable(place, "measure", &error)))
        .and_then(|size| fault::require_fit(PLACE, image, size));
    fits.map_err(|error| in_own_words(&image.class, error))
}

/// Writes the image of the bundle in the file `source`. `others` are never written under another name: what is current, and what
/// belongs to somebody else.
///
/// # Errors
/// `InstallFailed`, `InsufficientSpace`.
pub(crate) fn write_image(
    image: &ImageFacts,
    place: &Path,
    others: Vec<PathBuf>,
    source: &Path,
    policy: &Policy,
    control: &Control,
) -> Result<(), StepError> {
    let guard = Guard::new(None, others);
    let target = write::Target { slot: PLACE, guard: &guard, control };
    let written = write::bundle(source, policy, &[assignment(image, place)], &target);
    written.map_err(|error| in_own_words(&image.class, error))
}

/// # Errors
/// [`StepError::Differs`] when a byte differs, `InstallFailed` when that cannot be found out.
pub(crate) fn compare(image: &ImageFacts, place: &Path, control: &Control) -> Result<(), StepError> {
    let compared = read_back::compare(PLACE, &[assignment(image, place)], control);
    compared.map_err(|error| in_own_words(&image.class, error))
}

fn assignment(image: &ImageFacts, place: &Path) -> Assignment {
    Assignment { image: image.clone(), place: place.to_owned() }
}

/// The writer speaks of a slot.
fn in_own_words(name: &str, error: StepError) -> StepError {
    match &error {
        StepError::Cancelled | StepError::Late => error,
        StepError::Differs { detail, .. } => {
            let message = format!(
                "The place of {name} does not hold what was written to it. Check the storage, then install again."
            );
            StepError::Differs { message, detail: detail.clone() }
        }
        StepError::Failed { code: FailureCode::InsufficientSpace, .. } => {
            let message = format!("The image of {name} does not fit into its place. Build a smaller one.");
            StepError::failed(FailureCode::InsufficientSpace, message, error)
        }
        // What is wrong with the bundle is said as it is.
        StepError::Failed { message, .. } if message.starts_with("The downloaded bundle") => error,
        StepError::Failed { code, .. } => {
            let message =
                format!("The place of {name} cannot be used. Check its storage and the configuration.");
            StepError::failed(*code, message, error)
        }
    }
}
