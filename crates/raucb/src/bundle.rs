//! A bundle from its opening to the reading of its images.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::image::ImageReader;
use crate::payload::Payload;
use crate::pipeline::{self, Hashing, Job};
use crate::progress::{Meter, Progress};
use crate::squashfs::{self, Layout};
use crate::trust::{self, Policy, Signer};
use crate::verity::{Checker, Shape};
use crate::{Error, Malformed, Manifest, container, verify};

/// A bundle whose manifest is authentic. Nothing is known about its images yet: see [`Bundle::verify`].
#[derive(Debug)]
pub struct Bundle {
    payload: Arc<Payload>,
    shape: Arc<Shape>,
    manifest: Manifest,
    signer: Signer,
}

impl Bundle {
    /// Opens the bundle at `path`; see [`Bundle::from_file`].
    ///
    /// # Errors
    /// Those of [`Bundle::from_file`].
    pub fn open(path: impl AsRef<Path>, policy: &Policy) -> Result<Self, Error> {
        let file = File::open(path).map_err(Error::io("open the bundle"))?;
        Self::from_file(file, policy)
    }

    /// Reads trailer, signature and manifest, and authenticates the manifest: signature, certificate chain, purpose
    /// and validity, then format, hooks, `compatible` and sizes. Takes milliseconds, whatever the size.
    ///
    /// # Errors
    /// [`Error::Malformed`] for what is no acceptable `verity` bundle, [`Error::Untrusted`] for what nobody trusted
    /// has signed, [`Error::Incompatible`], [`Error::Io`].
    pub fn from_file(file: File, policy: &Policy) -> Result<Self, Error> {
        let envelope = container::read(&file)?;
        let (content, signer) = trust::authenticate(&envelope.signature, policy)?;
        let manifest = Manifest::parse(&content)?;
        if !policy.allow_hooks {
            refuse_foreign_code(&manifest)?;
        }
        if let Some(expected) =
            policy.compatible.as_ref().filter(|expected| **expected != manifest.compatible)
        {
            let (found, expected) = (manifest.compatible, expected.clone());
            return Err(Error::Incompatible { found, expected });
        }
        let shape = Shape::within(envelope.payload, manifest.verity.size)?;
        Ok(Self { payload: Arc::new(Payload::new(file)), shape: Arc::new(shape), manifest, signer })
    }

    /// What the bundle says about itself.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Who signed it.
    #[must_use]
    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    /// Reads everything once: every block against the signed hash tree, every image against its SHA-256.
    ///
    /// # Errors
    /// [`Error::Malformed`] where anything differs from what was signed, [`Error::Io`], [`Error::Cancelled`].
    pub fn verify(self, progress: &dyn Progress) -> Result<VerifiedBundle, Error> {
        let bundle = self.verify_on_read()?;
        let images = &bundle.manifest().images;
        verify::verify(&bundle.checker, &bundle.layout, images, progress)?;
        Ok(bundle)
    }

    /// As [`Bundle::verify`] without the pass: only finds the images, and leaves the rest to their reading, which
    /// compares every block and, in [`VerifiedBundle::stream_image`], the SHA-256. For a bundle that has passed
    /// [`Bundle::verify`] before and was opened again since: saves one pass, and a damage that has come since is
    /// met while the image is read instead of before.
    ///
    /// # Errors
    /// [`Error::Malformed`] where the metadata of the squashfs is damaged or lacks an image, [`Error::Io`].
    pub fn verify_on_read(self) -> Result<VerifiedBundle, Error> {
        let checker = Checker::new(Arc::clone(&self.payload), Arc::clone(&self.shape), &self.manifest.verity);
        let layout = squashfs::locate(checker.clone(), &self.manifest.images)?;
        Ok(VerifiedBundle { bundle: self, checker, layout })
    }
}

fn refuse_foreign_code(manifest: &Manifest) -> Result<(), Error> {
    if manifest.has_handler {
        return Err(Malformed::ForeignCode("a handler").into());
    }
    if manifest.has_hooks {
        return Err(Malformed::ForeignCode("hooks").into());
    }
    Ok(())
}

/// A bundle that gives images out, and no byte that its signer has not signed: all that is read is compared with the
/// hash tree at that instant, also after the whole pass of [`Bundle::verify`].
///
/// It holds the file that was opened, thus a later exchange of the path changes nothing.
pub struct VerifiedBundle {
    bundle: Bundle,
    checker: Checker,
    layout: Layout,
}

impl VerifiedBundle {
    /// What the bundle says about itself.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.bundle.manifest
    }

    /// Who signed it.
    #[must_use]
    pub fn signer(&self) -> &Signer {
        &self.bundle.signer
    }

    /// Streams the image for a slot class out of the bundle, in order and in parts of at most 1 MiB. Decompression and
    /// hashing go on in other threads while `sink`, on the caller's, takes what is ready; memory is constant.
    ///
    /// Success means that the sink was given every byte and that their SHA-256 is the manifest's. `progress` counts
    /// the bytes of the image that the sink has taken.
    ///
    /// # Errors
    /// [`Error::Malformed`] where the bundle has no such image, and where the file is no longer the one that was
    /// verified; the sink's own as [`Error::Io`]; [`Error::Cancelled`]. What the sink has got until then is part of
    /// the image, not all of it.
    pub fn stream_image(
        &self,
        slot_class: &str,
        progress: &dyn Progress,
        mut sink: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), Error> {
        self.stream(slot_class, Hashing::Compared, progress, &mut sink)
    }

    /// As [`VerifiedBundle::stream_image`] without the image's SHA-256, for a sink whose content is hashed afterwards
    /// anyway. Every block was compared with the hash tree all the same: no byte comes out that was not signed.
    ///
    /// # Errors
    /// Those of [`VerifiedBundle::stream_image`], but for the SHA-256.
    pub fn stream_image_unhashed(
        &self,
        slot_class: &str,
        progress: &dyn Progress,
        mut sink: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), Error> {
        self.stream(slot_class, Hashing::Elsewhere, progress, &mut sink)
    }

    fn stream(
        &self,
        slot_class: &str,
        hashing: Hashing,
        progress: &dyn Progress,
        sink: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), Error> {
        let job = self.job(slot_class)?;
        let meter = Meter::new(job.image.size, progress);
        pipeline::run(vec![job], hashing, &meter, sink)
    }

    /// The image for a slot class as a reader, for callers who want single steps rather than speed. Independent of
    /// this value and of other readers. It does not compute the image's SHA-256.
    ///
    /// # Errors
    /// [`Error::Malformed`] where the bundle has no such image.
    pub fn image_reader(&self, slot_class: &str) -> Result<ImageReader, Error> {
        Ok(ImageReader::new(self.job(slot_class)?.blocks))
    }

    fn job(&self, slot_class: &str) -> Result<Job<'_>, Error> {
        let image = self.manifest().image(slot_class);
        let image = image.ok_or_else(|| Malformed::NoSuchImage(slot_class.to_owned()))?;
        self.layout.job(image, &self.checker)
    }
}

impl std::fmt::Debug for VerifiedBundle {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("VerifiedBundle").field(&self.bundle).finish()
    }
}
