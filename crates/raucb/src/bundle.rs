//! A bundle from its opening to the reading of its images.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use crate::image::ImageReader;
use crate::progress::Progress;
use crate::source::Source;
use crate::squashfs::{self, Layout};
use crate::trust::{self, Policy, Signer};
use crate::verity::{Checker, Shape};
use crate::{Error, Malformed, Manifest, container, verify};

/// A bundle whose manifest is authentic. Nothing is known about its images yet: see [`Bundle::verify`].
#[derive(Debug)]
pub struct Bundle {
    file: Arc<File>,
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
        Ok(Self { file: Arc::new(file), shape: Arc::new(shape), manifest, signer })
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
        let checker = Checker::new(Arc::clone(&self.file), Arc::clone(&self.shape), &self.manifest.verity);
        let layout = squashfs::locate(checker.clone(), &self.manifest.images)?;
        verify::verify(&self.file, checker.clone(), &layout, &self.manifest.images, progress)?;
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

/// A bundle of which every byte was what its signer signed when [`Bundle::verify`] read it; made by nothing else.
///
/// It holds the file that was read, thus a later exchange of the path changes nothing. A file that is written to in
/// place after the pass is another matter: [`VerifiedBundle::image_reader`] hands out what it finds, for callers who
/// compare what they have written with the manifest's SHA-256 anyway, [`VerifiedBundle::checked_image_reader`] only
/// what the hash tree confirms at that instant.
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

    /// Streams the image for a slot class out of the file that was verified, in constant memory. Independent of
    /// this value and of other readers.
    ///
    /// # Errors
    /// [`Error::Malformed`] where the bundle has no such image. The reader's own errors turn into [`Error`] with
    /// `Error::from`.
    pub fn image_reader(&self, slot_class: &str) -> Result<ImageReader, Error> {
        self.reader(slot_class, Source::Plain(Arc::clone(&self.bundle.file)))
    }

    /// As [`VerifiedBundle::image_reader`], comparing every block with the signed hash tree again before it is used:
    /// no byte comes out of it that was not signed, whatever became of the file since. Costs one more SHA-256 of the
    /// compressed image.
    ///
    /// # Errors
    /// Those of [`VerifiedBundle::image_reader`].
    pub fn checked_image_reader(&self, slot_class: &str) -> Result<ImageReader, Error> {
        self.reader(slot_class, Source::checked(self.checker.clone()))
    }

    fn reader(&self, slot_class: &str, source: Source) -> Result<ImageReader, Error> {
        let image = self.manifest().image(slot_class);
        let file = image.and_then(|image| self.layout.files.get(&image.filename));
        let file = file.ok_or_else(|| Malformed::NoSuchImage(slot_class.to_owned()))?;
        Ok(ImageReader::new(&self.layout, file, source))
    }
}

impl std::fmt::Debug for VerifiedBundle {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("VerifiedBundle").field(&self.bundle).finish()
    }
}
