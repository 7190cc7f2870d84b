//! The full pass over a bundle: the whole hash tree and every image's SHA-256, with one read of the disk.
//!
//! Whoever decompresses a block compares it with the tree first. What belongs to no image is compared beside that, by one more
//! thread.

use std::io;
use std::thread;

use crate::container::BLOCK;
use crate::pipeline::{self, Hashing, first_cause, joined, spawn};
use crate::progress::{Meter, Progress};
use crate::squashfs::Layout;
use crate::verity::{Checker, check_blocks};
use crate::{Error, Image};

/// Checks all that the manifest promises.
///
/// # Errors
/// [`Error::Malformed`] at the first difference, [`Error::Io`], [`Error::Cancelled`].
pub(crate) fn verify(
    checker: &Checker,
    layout: &Layout,
    images: &[Image],
    progress: &dyn Progress,
) -> Result<(), Error> {
    let gaps = layout.gaps(checker.data() / BLOCK as u64);
    let beside = gaps.iter().fold(0_u64, |sum, gap| sum.saturating_add((gap.end - gap.start) * BLOCK as u64));
    let total = images.iter().fold(beside, |sum, image| sum.saturating_add(image.size));
    let meter = &Meter::new(total, progress);
    let jobs = images.iter().map(|image| layout.job(image, checker)).collect::<Result<Vec<_>, _>>()?;
    thread::scope(|scope| {
        let checker = checker.clone();
        let check = move || check_blocks(checker, &gaps, meter).inspect_err(|_| meter.stop());
        let tree = spawn(scope, "hash tree", check)?;
        let images = pipeline::run(jobs, Hashing::Compared, meter, &mut |_: &[u8]| io::Result::Ok(()));
        first_cause([joined(tree), images])
    })
}
