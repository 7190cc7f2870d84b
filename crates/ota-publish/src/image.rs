//! Root images of the demo's releases: ext4 file systems, made without root and without mounting anything.
//!
//! The same [`ImageSpec`] always gives the same bytes, so that a rebuilt release keeps its hash.

mod content;

use crate::atomic::{self, WriteError};
use crate::tool::{Tool, ToolError};
use aws_lc_rs::digest::{SHA256, digest};
use std::fmt::Write as _;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// Where the booted image says that it is healthy; see [`Content`].
pub const HEALTH_FILE: &str = "/etc/gateway-ota/health";

/// Size of the demo's images in bytes: 64 MiB.
pub const DEFAULT_SIZE: u64 = 64 << 20;

/// The smallest image in bytes that holds the content and ext4's own tables.
pub const MINIMUM_SIZE: u64 = 1 << 20;

/// Block size of the file systems in bytes; sizes are its multiples.
const BLOCK: u64 = 4096;

/// Every time stamp in an image, seconds since 1970 (2025-01-01): the wall clock would change the bytes.
const EPOCH: i64 = 1_735_689_600;

const MKE2FS: Tool = Tool { program: "mke2fs", package: "e2fsprogs" };
const DEBUGFS: Tool = Tool { program: "debugfs", package: "e2fsprogs" };

/// What an image is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// A file system with [`HEALTH_FILE`], which says `ok`.
    Healthy,
    /// A file system without it: the image fails its trial.
    Unhealthy,
    /// No file system at all: half of it noise, half of it text.
    Filler,
}

/// What goes into an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageSpec {
    /// Version in `/etc/os-release`, such as `v5.0.5`.
    pub version: String,
    /// Kernel release that the image stands for, such as `6.1.34-LTS`.
    pub kernel: String,
    /// Size in bytes, a multiple of 4096 and at least [`MINIMUM_SIZE`].
    pub size: u64,
    pub content: Content,
}

impl ImageSpec {
    /// A healthy image of [`DEFAULT_SIZE`].
    #[must_use]
    pub fn new(version: impl Into<String>, kernel: impl Into<String>) -> Self {
        Self { version: version.into(), kernel: kernel.into(), size: DEFAULT_SIZE, content: Content::Healthy }
    }

    /// The same image with another size in bytes.
    #[must_use]
    pub fn with_size(mut self, size: u64) -> Self {
        self.size = size;
        self
    }

    /// The same image with other content.
    #[must_use]
    pub fn with_content(mut self, content: Content) -> Self {
        self.content = content;
        self
    }

    /// Distinguishes images from each other: seed of the filler and source of the file system's UUID.
    fn fingerprint(&self) -> [u8; 32] {
        let text = format!("{}\n{}\n{}\n{:?}", self.version, self.kernel, self.size, self.content);
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
        bytes
    }
}

/// An image could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The size is not usable.
    #[error(
        "an image of {size} bytes cannot be made: the size is a multiple of {BLOCK} and at least {MINIMUM_SIZE}"
    )]
    Size { size: u64 },
    /// A version or kernel that cannot stand in `/etc/os-release`.
    #[error("\"{value}\" cannot stand in /etc/os-release: only letters, digits and . _ + - ~ can")]
    Name { value: String },
    /// The content could not be written.
    #[error("cannot write the image's content to {}", path.display())]
    Content { path: PathBuf, source: io::Error },
    /// `mke2fs` or `debugfs` did not do its part.
    #[error("cannot make the file system")]
    Tool(#[from] ToolError),
    /// The finished image could not be put in its place.
    #[error("cannot store the image")]
    Store(#[from] WriteError),
}

/// Builds the image in constant memory and puts it at `out`, which appears only when it is complete. Blocks for seconds.
///
/// # Errors
/// [`ImageError`] for a bad size or name, a missing `mke2fs`, or a full disk.
pub fn build(spec: &ImageSpec, out: &Path) -> Result<(), ImageError> {
    if spec.size < MINIMUM_SIZE || !spec.size.is_multiple_of(BLOCK) {
        return Err(ImageError::Size { size: spec.size });
    }
    for value in [&spec.version, &spec.kernel] {
        if value.is_empty()
            || !value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._+-~".contains(&byte))
        {
            return Err(ImageError::Name { value: value.clone() });
        }
    }
    let parent = atomic::parent_of(out);
    let failed = |source| ImageError::Content { path: parent.to_owned(), source };
    let work = tempfile::Builder::new().prefix(".image-").tempdir_in(parent).map_err(failed)?;
    let image = work.path().join("image");
    if spec.content == Content::Filler {
        content::write_filler(spec, &image).map_err(failed)?;
    } else {
        let tree = work.path().join("root");
        let names = content::write_tree(spec, &tree).map_err(failed)?;
        format(spec, &tree, &image)?;
        normalize(&names, &work.path().join("script"), &image)?;
    }
    atomic::publish(&image, out)?;
    Ok(())
}

/// SHA-256 of an image or bundle file, lower-case hexadecimal.
///
/// # Errors
/// The file's own when it cannot be read.
pub fn sha256(path: &Path) -> io::Result<String> {
    use std::io::Read;
    let mut file = File::open(path)?;
    let mut context = aws_lc_rs::digest::Context::new(&SHA256);
    let mut buffer = vec![0; 1 << 20];
    loop {
        let count = file.read(&mut buffer)?;
        let Some(chunk) = buffer.get(..count).filter(|chunk| !chunk.is_empty()) else { break };
        context.update(chunk);
    }
    Ok(hex::encode(context.finish()))
}

/// No journal: the slot is mounted read-only, and a journal would only be noise in it.
fn format(spec: &ImageSpec, tree: &Path, image: &Path) -> Result<(), ImageError> {
    let uuid = uuid(&spec.fingerprint());
    let extended = format!("hash_seed={uuid},root_owner=0:0,lazy_itable_init=0,nodiscard");
    let size = format!("{}k", spec.size / 1024);
    let mut arguments: Vec<&std::ffi::OsStr> = Vec::new();
    for argument in ["-q", "-t", "ext4", "-L", "rootfs", "-b", "4096", "-I", "256", "-N", "256", "-m", "0"] {
        arguments.push(argument.as_ref());
    }
    for argument in ["-O", "^has_journal,^resize_inode", "-U", uuid.as_str(), "-E", extended.as_str(), "-d"] {
        arguments.push(argument.as_ref());
    }
    arguments.extend([tree.as_os_str(), image.as_os_str(), size.as_ref()]);
    MKE2FS.run(&arguments, Some(EPOCH))?;
    Ok(())
}

/// `mke2fs` copies owner and times of the files on this machine; the image gets root and one fixed time instead.
fn normalize(names: &[String], script: &Path, image: &Path) -> Result<(), ImageError> {
    let mut commands = String::new();
    for name in names.iter().map(String::as_str).chain(["/", "/lost+found"]) {
        for (field, value) in [("uid", "0"), ("gid", "0")] {
            let _ = writeln!(commands, "set_inode_field {name} {field} {value}");
        }
        for field in ["atime", "mtime", "ctime"] {
            let _ = writeln!(commands, "set_inode_field {name} {field} @{EPOCH}");
            let _ = writeln!(commands, "set_inode_field {name} {field}_extra 0");
        }
    }
    std::fs::write(script, commands)
        .map_err(|source| ImageError::Content { path: script.to_owned(), source })?;
    DEBUGFS.run(&["-w".as_ref(), "-f".as_ref(), script.as_os_str(), image.as_os_str()], Some(EPOCH))?;
    Ok(())
}

/// A UUID of version 8 (RFC 9562, 5.8), whose bits are the maker's own, here those of a hash.
fn uuid(bytes: &[u8; 32]) -> String {
    let text = hex::encode(bytes);
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    format!("{}-{}-8{}-8{}-{}", part(0, 8), part(8, 12), part(12, 15), part(15, 18), part(18, 30))
}
