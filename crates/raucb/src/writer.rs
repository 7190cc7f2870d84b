//! Making a bundle: squashfs, hash tree, signed manifest.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use backhand::compression::{CompressionOptions, Compressor, Zstd};
use backhand::{BackhandError, FilesystemCompressor, FilesystemWriter, MAX_BLOCK_SIZE, NodeHeader};
use openssl::cms::{CMSOptions, CmsContentInfo};
use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Private};
use openssl::stack::Stack;
use openssl::x509::X509;
use sha2::{Digest, Sha256};

use crate::container::{BLOCK, MAX_SIGNATURE};
use crate::manifest::{BundleFormat, Verity, is_file_name, is_raw, is_slot_class};
use crate::verity::{Shape, append_tree};
use crate::{Error, Image, Manifest, SpecError};

/// What a bundle is to contain.
#[derive(Debug, Clone)]
pub struct BundleSpec {
    /// `[update] compatible`.
    pub compatible: String,
    /// `[update] version`.
    pub version: String,
    /// `[update] description`.
    pub description: Option<String>,
    /// `[update] build`.
    pub build: Option<String>,
    /// One image for each slot class, at least one.
    pub images: Vec<ImageSource>,
    /// How the squashfs is compressed.
    pub compression: Compression,
    /// Sections `[meta.…]` by the name after the dot. Names and keys of ASCII letters, digits and `-`.
    pub meta: BTreeMap<String, BTreeMap<String, String>>,
}

/// An image to be put into a bundle.
#[derive(Debug, Clone)]
pub struct ImageSource {
    /// Slot class: ASCII letters, digits, `-` and `_`.
    pub slot_class: String,
    /// Name in the bundle. RAUC derives from the suffix how it is written: `.img` or `.ext4`, for instance.
    pub filename: String,
    /// Where the image is now.
    pub path: PathBuf,
}

/// How the squashfs is compressed, always in blocks of 1 MiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// zlib at its best level; what every kernel reads.
    Gzip,
    /// The smallest, and the slowest to read.
    Xz,
    /// More than ten times as fast to read as gzip, at least as small from the middle levels on.
    Zstd {
        /// 1 to 22.
        level: u8,
    },
}

/// Who signs. Has no `Debug` on purpose: it holds a private key.
pub struct SigningKey {
    certificate: X509,
    key: PKey<Private>,
    intermediates: Vec<X509>,
}

impl SigningKey {
    /// From PEM: the signer's certificate, its private key, and the certificates between it and the keyring's, which
    /// may be none.
    ///
    /// # Errors
    /// [`Error::Spec`] where one cannot be read or the key is not the certificate's.
    pub fn from_pem(certificate: &[u8], key: &[u8], intermediates: &[u8]) -> Result<Self, Error> {
        let certificate = X509::from_pem(certificate).map_err(SpecError::Key)?;
        let key = PKey::private_key_from_pem(key).map_err(SpecError::Key)?;
        let public = certificate.public_key().map_err(SpecError::Key)?;
        if !public.public_eq(&key) {
            return Err(SpecError::Key(ErrorStack::get()).into());
        }
        let none = intermediates.iter().all(u8::is_ascii_whitespace);
        let intermediates = if none { Ok(Vec::new()) } else { X509::stack_from_pem(intermediates) };
        Ok(Self { certificate, key, intermediates: intermediates.map_err(SpecError::Key)? })
    }

    fn sign(&self, manifest: &str) -> Result<Vec<u8>, ErrorStack> {
        let mut intermediates = Stack::new()?;
        for certificate in &self.intermediates {
            intermediates.push(certificate.clone())?;
        }
        let options = CMSOptions::BINARY | CMSOptions::NOSMIMECAP;
        let content = Some(manifest.as_bytes());
        CmsContentInfo::sign(
            Some(&self.certificate),
            Some(&self.key),
            Some(&intermediates),
            content,
            options,
        )?
        .to_der()
    }
}

/// Makes a bundle and returns the manifest that was signed.
///
/// Images are read once, in constant memory. `out` appears, or is replaced, only when the bundle is complete and on
/// disk; until then the data is in a file beside it, with `.partial` behind its name.
///
/// # Errors
/// [`Error::Spec`] where the spec or key make no bundle, [`Error::Io`].
pub fn write_bundle(spec: &BundleSpec, signer: &SigningKey, out: &Path) -> Result<Manifest, Error> {
    require_valid(spec)?;
    let partial = partial_path(out);
    let written = write_partial(spec, signer, &partial).and_then(|manifest| {
        fs::rename(&partial, out).map_err(Error::io("rename the bundle"))?;
        sync_directory(out).map_err(Error::io("synchronize the directory of the bundle"))?;
        Ok(manifest)
    });
    if written.is_err() {
        // The error to report is the one that came first.
        let _ = fs::remove_file(&partial);
    }
    written
}

fn partial_path(out: &Path) -> PathBuf {
    let mut name = OsString::from(out);
    name.push(".partial");
    name.into()
}

fn sync_directory(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

fn write_partial(spec: &BundleSpec, signer: &SigningKey, partial: &Path) -> Result<Manifest, Error> {
    let mut options = OpenOptions::new();
    let file = options.read(true).write(true).create(true).truncate(true).open(partial);
    let mut file = file.map_err(Error::io("create the bundle"))?;
    let images = write_squashfs(spec, &file)?;
    let data = pad(&mut file).map_err(Error::io("write the squashfs"))?;
    let shape = Shape::over(data).ok_or(SpecError::Squashfs)?;
    let mut salt = [0; 32];
    openssl::rand::rand_bytes(&mut salt).map_err(SpecError::Library)?;
    let root = append_tree(&mut file, &shape, &salt).map_err(Error::io("write the hash tree"))?;
    let manifest = Manifest {
        compatible: spec.compatible.clone(),
        version: spec.version.clone(),
        description: spec.description.clone(),
        build: spec.build.clone(),
        bundle_format: BundleFormat::Verity,
        verity: Verity { root, salt, size: shape.size() },
        images,
        meta: spec.meta.clone(),
        has_hooks: false,
        has_handler: false,
    };
    let signature = signer.sign(&manifest.to_text()).map_err(SpecError::Key)?;
    if signature.len() as u64 > MAX_SIGNATURE {
        return Err(SpecError::TooLong(signature.len()).into());
    }
    append_signature(&mut file, &signature).map_err(Error::io("write the signature"))?;
    Ok(manifest)
}

fn append_signature(file: &mut File, signature: &[u8]) -> io::Result<()> {
    file.write_all(signature)?;
    file.write_all(&(signature.len() as u64).to_be_bytes())?;
    file.sync_all()
}

/// Fills the squashfs up to whole blocks, two at least: one alone has no hash tree.
fn pad(file: &mut File) -> io::Result<u64> {
    let len = file.seek(SeekFrom::End(0))?;
    let padded = len.next_multiple_of(BLOCK as u64).max(2 * BLOCK as u64);
    file.set_len(padded)?;
    Ok(padded)
}

/// Writes the squashfs and returns what the manifest is to say of its images.
fn write_squashfs(spec: &BundleSpec, file: &File) -> Result<Vec<Image>, Error> {
    let mut filesystem = FilesystemWriter::default();
    filesystem.set_current_time();
    filesystem.set_block_size(MAX_BLOCK_SIZE);
    filesystem.set_root_mode(0o755);
    filesystem.set_no_padding();
    filesystem.set_no_duplicate_files(false);
    filesystem.set_compressor(compressor(spec.compression).map_err(unwritable)?);
    let mut tallies = Vec::new();
    for image in &spec.images {
        let source = File::open(&image.path).map_err(Error::io("open an image"))?;
        let tally = Arc::new(Mutex::new(Tally::default()));
        let reader = Tallied { source, tally: Arc::clone(&tally) };
        let header = NodeHeader { permissions: 0o644, ..NodeHeader::default() };
        filesystem.push_file(reader, &image.filename, header).map_err(unwritable)?;
        tallies.push((image, tally));
    }
    let mut output = BufWriter::with_capacity(MAX_BLOCK_SIZE as usize, file);
    filesystem.write(&mut output).map_err(unwritable)?;
    output.flush().map_err(Error::io("write the squashfs"))?;
    Ok(tallies.into_iter().map(|(image, tally)| described(image, &tally)).collect())
}

fn compressor(compression: Compression) -> Result<FilesystemCompressor, BackhandError> {
    match compression {
        Compression::Gzip => FilesystemCompressor::new(Compressor::Gzip, None),
        Compression::Xz => FilesystemCompressor::new(Compressor::Xz, None),
        Compression::Zstd { level } => {
            let options = CompressionOptions::Zstd(Zstd { compression_level: level.into() });
            FilesystemCompressor::new(Compressor::Zstd, Some(options))
        }
    }
}

fn unwritable(error: BackhandError) -> Error {
    match error {
        BackhandError::StdIo(source) => Error::Io { action: "write the squashfs", source },
        _ => SpecError::Squashfs.into(),
    }
}

fn described(image: &ImageSource, tally: &Mutex<Tally>) -> Image {
    let tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
    Image {
        slot_class: image.slot_class.clone(),
        variant: None,
        filename: image.filename.clone(),
        size: tally.size,
        sha256: tally.sha256.clone().finalize().into(),
        hooks: Vec::new(),
    }
}

/// What went through a [`Tallied`] so far.
#[derive(Default)]
struct Tally {
    sha256: Sha256,
    size: u64,
}

/// Hashes an image while it is read into the squashfs, so that it is read once.
struct Tallied {
    source: File,
    tally: Arc<Mutex<Tally>>,
}

impl Read for Tallied {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        tally.sha256.update(buffer.get(..count).unwrap_or_default());
        tally.size += count as u64;
        Ok(count)
    }
}

fn require_valid(spec: &BundleSpec) -> Result<(), SpecError> {
    let line = |text: &str| !text.contains(char::is_control);
    let name = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let meta = |keys: &BTreeMap<String, String>| keys.iter().all(|(key, value)| name(key) && line(value));
    for (what, valid) in [
        ("compatible", !spec.compatible.is_empty() && line(&spec.compatible)),
        ("version", !spec.version.is_empty() && line(&spec.version)),
        ("description", spec.description.as_deref().is_none_or(line)),
        ("build", spec.build.as_deref().is_none_or(line)),
        ("meta", spec.meta.iter().all(|(section, keys)| name(section) && meta(keys))),
        ("slot class", spec.images.iter().all(|image| is_slot_class(&image.slot_class))),
        (
            "file name",
            spec.images.iter().all(|image| is_file_name(&image.filename) && is_raw(&image.filename, None)),
        ),
    ] {
        if !valid {
            return Err(SpecError::Invalid(what));
        }
    }
    let classes: BTreeSet<_> = spec.images.iter().map(|image| &image.slot_class).collect();
    let names: BTreeSet<_> = spec.images.iter().map(|image| &image.filename).collect();
    if spec.images.is_empty() || classes.len() != spec.images.len() || names.len() != spec.images.len() {
        return Err(SpecError::Images);
    }
    match spec.compression {
        Compression::Zstd { level } if !(1..=22).contains(&level) => Err(SpecError::Level),
        _ => Ok(()),
    }
}
