//! The full pass over a bundle: the whole hash tree and every image's SHA-256, with one read of the disk.
//!
//! One thread compares data and tree. The images are decompressed behind it, from bytes that it has confirmed and
//! that are still in the page cache.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::thread;

use crate::frontier::frontier;
use crate::pipeline::{self, Hashing, first_cause, joined, spawn};
use crate::progress::{Meter, Progress};
use crate::source::Source;
use crate::squashfs::Layout;
use crate::verity::{Checker, check_all};
use crate::{Error, Image};

/// Checks all that the manifest promises.
///
/// # Errors
/// [`Error::Malformed`] at the first difference, [`Error::Io`], [`Error::Cancelled`].
pub(crate) fn verify(
    file: &Arc<File>,
    checker: Checker,
    layout: &Layout,
    images: &[Image],
    progress: &dyn Progress,
) -> Result<(), Error> {
    let sizes = images.iter().fold(0_u64, |sum, image| sum.saturating_add(image.size));
    let meter = &Meter::new(checker.data().saturating_add(sizes), progress);
    let (leader, follower) = frontier(checker.data());
    let source = Source::confirmed(Arc::clone(file), follower);
    let jobs = images.iter().map(|image| layout.job(image, source.clone())).collect::<Result<Vec<_>, _>>()?;
    drop(source);
    thread::scope(|scope| {
        let check = move || check_all(checker, meter, |end| leader.confirm(end));
        let tree = spawn(scope, "hash tree", move || check().inspect_err(|_| meter.stop()))?;
        let images = pipeline::run(jobs, Hashing::Compared, meter, &mut |_: &[u8]| io::Result::Ok(()));
        first_cause([joined(tree), images])
    })
}
