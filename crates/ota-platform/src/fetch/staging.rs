//! The files of a download, by name.

use super::error::FetchError;
use super::part::Part;
use crate::free_space::free_bytes;
use crate::slots::buffer::{ALIGNMENT, CAPACITY};
use aws_lc_rs::digest::{Context, SHA256};
use ota_core::TargetFile;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use tokio_util::sync::CancellationToken;

/// Bytes that the files beside the download may take: its checkpoint, twice while it is replaced, and directory blocks.
const OVERHEAD: u64 = 64 << 10;

const SUFFIXES: [&str; 4] = ["part", "json", "json.new", "raucb"];

/// The directory of downloads.
#[derive(Debug, Clone)]
pub(super) struct Staging {
    directory: PathBuf,
}

/// The place of one target in staging.
#[derive(Debug, Clone)]
pub(super) struct Staged {
    directory: PathBuf,
    target: TargetFile,
}

/// What is known to be on the disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Checkpoint {
    target: TargetFile,
    /// Bytes from the start of the file that are on the disk.
    offset: u64,
    /// The server's strong entity tag of the file that they are of.
    etag: Option<String>,
}

/// A download to go on with.
pub(super) struct Resumed {
    pub(super) part: Part,
    pub(super) offset: u64,
    /// Of the bytes before `offset`, as they were read back.
    pub(super) hash: Context,
    pub(super) etag: Option<String>,
}

impl Staging {
    pub(super) fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// The place of `target`, whose SHA-256 becomes a file name and so must be one.
    pub(super) fn target(&self, target: &TargetFile) -> Result<Staged, FetchError> {
        let sha256 = &target.sha256;
        let is_hash =
            sha256.len() == 64 && sha256.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if !is_hash {
            return Err(FetchError::Address(target.name.clone()));
        }
        Ok(Staged { directory: self.directory.clone(), target: target.clone() })
    }

    /// Removes all files but those of `keep`.
    pub(super) fn sweep(&self, keep: &[TargetFile]) -> Result<(), FetchError> {
        let kept: HashSet<OsString> = keep
            .iter()
            .flat_map(|target| SUFFIXES.map(|suffix| format!("{}.{suffix}", target.sha256).into()))
            .collect();
        let sweep = || -> io::Result<()> {
            let entries = match fs::read_dir(&self.directory) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                entries => entries?,
            };
            for entry in entries {
                let entry = entry?;
                if !kept.contains(&entry.file_name()) && !entry.file_type()?.is_dir() {
                    fs::remove_file(entry.path())?;
                }
            }
            sync_directory(&self.directory)
        };
        sweep().map_err(FetchError::storage("clear out the downloads"))
    }
}

impl Staged {
    pub(super) const fn target(&self) -> &TargetFile {
        &self.target
    }

    pub(super) fn complete_path(&self) -> PathBuf {
        self.path("raucb")
    }

    fn path(&self, suffix: &str) -> PathBuf {
        self.directory.join(format!("{}.{suffix}", self.target.sha256))
    }

    /// Whether the whole file is there: it gets its name only after every byte was compared and is on the disk.
    pub(super) fn is_complete(&self) -> Result<bool, FetchError> {
        match fs::metadata(self.complete_path()) {
            Ok(metadata) => Ok(metadata.is_file() && metadata.len() == self.target.length),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(FetchError::Storage { action: "look for the download", source }),
        }
    }

    /// Whether what is missing fits.
    pub(super) fn check_space(&self) -> Result<(), FetchError> {
        if self.is_complete()? {
            return Ok(());
        }
        let ask = || {
            fs::create_dir_all(&self.directory)?;
            free_bytes(&self.directory)
        };
        let free = ask().map_err(FetchError::storage("ask for free space"))?;
        // Blocks that were reserved when the download began are in use already, and ours.
        let ours =
            fs::metadata(self.path("part")).map_or(0, |metadata| metadata.blocks().saturating_mul(512));
        let needed = self.target.length.saturating_sub(ours).saturating_add(OVERHEAD);
        if needed > free { Err(FetchError::NoSpace { needed, free }) } else { Ok(()) }
    }

    /// Opens the part and reads back what the checkpoint vouches for. Without a checkpoint of this very target, the download
    /// begins anew.
    pub(super) fn resume(&self, cancel: &CancellationToken) -> Result<Resumed, FetchError> {
        fs::create_dir_all(&self.directory)
            .map_err(FetchError::storage("make the directory for downloads"))?;
        let path = self.path("part");
        let checkpoint = self.checkpoint();
        let found = fs::metadata(&path).map_or(0, |metadata| metadata.len());
        let length = self.target.length;
        let (offset, etag) = match checkpoint {
            Some(checkpoint) if checkpoint.offset <= found => {
                (resumable(checkpoint.offset, length), checkpoint.etag)
            }
            _ => (0, None),
        };
        let part = Part::open(&path, offset, length)?;
        let hash = rehash(&path, offset, cancel)?;
        Ok(Resumed { part, offset, hash, etag })
    }

    fn checkpoint(&self) -> Option<Checkpoint> {
        let bytes = fs::read(self.path("json")).ok()?;
        let checkpoint: Checkpoint = serde_json::from_slice(&bytes).ok()?;
        (checkpoint.target == self.target && checkpoint.offset <= self.target.length).then_some(checkpoint)
    }

    /// Says durably that so much is on the disk, which it must be.
    pub(super) fn save(&self, offset: u64, etag: Option<String>) -> Result<(), FetchError> {
        let checkpoint = Checkpoint { target: self.target.clone(), offset, etag };
        let write = || {
            let text = serde_json::to_vec(&checkpoint)?;
            let new = self.path("json.new");
            let mut file = File::create(&new)?;
            file.write_all(&text)?;
            file.sync_data()?;
            fs::rename(&new, self.path("json"))?;
            sync_directory(&self.directory)
        };
        write().map_err(FetchError::storage("store how far the download is"))
    }

    /// Gives the part, which is complete and was compared, its name.
    pub(super) fn publish(&self) -> Result<PathBuf, FetchError> {
        let publish = || {
            File::open(self.path("part"))?.sync_all()?;
            fs::rename(self.path("part"), self.complete_path())?;
            sync_directory(&self.directory)?;
            remove(&self.path("json"))
        };
        publish().map_err(FetchError::storage("finish the download"))?;
        Ok(self.complete_path())
    }

    /// Forgets what was downloaded, the claim about it first.
    pub(super) fn discard(&self) -> Result<(), FetchError> {
        let discard = || {
            remove(&self.path("json"))?;
            sync_directory(&self.directory)?;
            remove(&self.path("part"))
        };
        discard().map_err(FetchError::storage("remove the download"))
    }
}

/// Direct I/O goes on at whole blocks only; all of the file needs no going on.
fn resumable(offset: u64, length: u64) -> u64 {
    if offset == length { offset } else { offset - offset % ALIGNMENT as u64 }
}

fn rehash(path: &Path, length: u64, cancel: &CancellationToken) -> Result<Context, FetchError> {
    let mut hash = Context::new(&SHA256);
    let action = "read back the download";
    let mut file = File::open(path).map_err(FetchError::storage(action))?.take(length);
    let mut buffer = vec![0; CAPACITY];
    let mut done = 0;
    while done < length {
        if cancel.is_cancelled() {
            return Err(FetchError::Cancelled);
        }
        let count = file.read(&mut buffer).map_err(FetchError::storage(action))?;
        let bytes = buffer.get(..count).filter(|bytes| !bytes.is_empty());
        let bytes = bytes.ok_or(io::ErrorKind::UnexpectedEof.into()).map_err(FetchError::storage(action))?;
        hash.update(bytes);
        done += count as u64;
    }
    Ok(hash)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}
