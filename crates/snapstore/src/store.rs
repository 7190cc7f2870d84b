//! The directory of a store, and what is in it.

use crate::manifest::Manifest;
use crate::{Error, Progress};
use rustix::fs::{FlockOperation, flock};
use serde_json::Value;
use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

pub(crate) const MANIFEST: &str = "snap";
pub(crate) const PACK: &str = "pack";
pub(crate) const UNFINISHED: &str = "new";
const LOCK: &str = "lock";

/// How much a store may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Snapshots that [`Store::retain`] leaves.
    pub count: usize,
    /// Bytes on the disk that [`Store::retain`] leaves.
    pub bytes: u64,
    /// Bytes of the file system that no snapshot may use.
    pub keep_free: u64,
}

/// A store that this process has to itself.
#[derive(Debug)]
pub struct Store {
    pub(crate) directory: PathBuf,
    pub(crate) limits: Limits,
    /// Whoever adds or removes holds it: a chunk is never relied on while it is being removed.
    changing: Mutex<()>,
    /// Locked as long as the store is open.
    _lock: File,
}

/// What is known of a snapshot without reading its chunks.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    pub id: String,
    /// What was given to [`Store::create`]; null where the manifest is damaged.
    pub metadata: Value,
    /// Order of creation.
    pub sequence: u64,
    /// Bytes of its images.
    pub logical_bytes: u64,
    /// Bytes of the disk that it was the first to need, its manifest included.
    pub own_bytes: u64,
    pub root: Option<[u8; 32]>,
    /// Why it cannot be read.
    pub damaged: Option<String>,
}

impl Store {
    /// Opens the store in `directory`, which is made where it is missing, and removes what interrupted operations left.
    ///
    /// # Errors
    /// [`Error::InUse`] while another process has it, and what the file system says.
    pub fn open(directory: impl Into<PathBuf>, limits: Limits) -> Result<Self, Error> {
        let directory = directory.into();
        fs::create_dir_all(&directory).map_err(Error::io("make the directory of the store"))?;
        let lock = File::create(directory.join(LOCK)).map_err(Error::io("open the lock of the store"))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|_| Error::InUse)?;
        let store = Self { directory, limits, changing: Mutex::new(()), _lock: lock };
        store.sweep()?;
        Ok(store)
    }

    /// Removes unfinished files and packs that no manifest names. Where a manifest cannot be read, no pack is removed: it might
    /// be the one that is needed once the disk is readable again.
    ///
    /// # Errors
    /// What the file system says.
    pub fn sweep(&self) -> Result<(), Error> {
        let _changing = self.change();
        let mut named = HashSet::new();
        let mut all_readable = true;
        for id in self.ids()? {
            match self.manifest(&id) {
                Ok(manifest) => named.extend(manifest.header.packs),
                Err(_) => all_readable = false,
            }
        }
        for entry in self.entries()? {
            let extension = entry.extension().and_then(OsStr::to_str).unwrap_or_default();
            let name = entry.file_name().and_then(OsStr::to_str).unwrap_or_default();
            let left_over =
                extension == UNFINISHED || (extension == PACK && all_readable && !named.contains(name));
            if left_over {
                remove_file(&entry)?;
            }
        }
        sync_directory(&self.directory)
    }

    /// All snapshots, oldest first; damaged ones, whose place in the order is not known, before the others.
    ///
    /// # Errors
    /// What the file system says about the directory.
    pub fn list(&self) -> Result<Vec<Summary>, Error> {
        let ids = self.ids()?;
        let mut summaries: Vec<_> = ids.into_iter().map(|id| self.summary(id)).collect();
        summaries.sort_by(|a, b| (a.sequence, &a.id).cmp(&(b.sequence, &b.id)));
        Ok(summaries)
    }

    fn summary(&self, id: String) -> Summary {
        let size = |name: &str| fs::metadata(self.directory.join(name)).map_or(0, |file| file.len());
        let own_bytes = size(&format!("{id}.{MANIFEST}"));
        match self.manifest(&id) {
            Ok(manifest) => Summary {
                own_bytes: own_bytes + manifest.header.own_pack.as_deref().map_or(0, size),
                logical_bytes: manifest.logical_bytes(),
                sequence: manifest.header.sequence,
                metadata: manifest.header.metadata,
                root: Some(manifest.root),
                damaged: None,
                id,
            },
            Err(error) => Summary {
                logical_bytes: 0,
                sequence: 0,
                metadata: Value::Null,
                root: None,
                damaged: Some(error.to_string()),
                own_bytes,
                id,
            },
        }
    }

    /// Reads every chunk of every image and compares it with its hash.
    ///
    /// # Errors
    /// [`Error::Damaged`] names the first place that differs.
    pub fn verify(&self, id: &str, progress: &dyn Progress) -> Result<(), Error> {
        for image in self.manifest(id)?.header.images {
            self.read_image(id, &image.name, progress, |_| Ok::<_, Error>(()))?;
        }
        Ok(())
    }

    /// Bytes that the store takes of the disk.
    ///
    /// # Errors
    /// What the file system says.
    pub fn size(&self) -> Result<u64, Error> {
        let sizes = self.entries()?.into_iter().map(|path| fs::metadata(path).map_or(0, |file| file.len()));
        Ok(sizes.sum())
    }

    pub(crate) fn change(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn manifest(&self, id: &str) -> Result<Manifest, Error> {
        check_id(id)?;
        match fs::read(self.path(id, MANIFEST)) {
            Ok(bytes) => Manifest::read(id, &bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Error::Unknown(id.to_owned())),
            Err(error) => Err(Error::io("read a manifest")(error)),
        }
    }

    /// The ids of all manifests, readable or not.
    pub(crate) fn ids(&self) -> Result<Vec<String>, Error> {
        let is_manifest = |path: &PathBuf| path.extension().is_some_and(|extension| extension == MANIFEST);
        let id = |path: PathBuf| path.file_stem().and_then(OsStr::to_str).map(str::to_owned);
        let ids = self.entries()?.into_iter().filter(is_manifest).filter_map(id);
        Ok(ids.filter(|id| check_id(id).is_ok()).collect())
    }

    fn entries(&self) -> Result<Vec<PathBuf>, Error> {
        let entries = fs::read_dir(&self.directory).map_err(Error::io("look into the store"))?;
        let paths: io::Result<_> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
        paths.map_err(Error::io("look into the store"))
    }

    pub(crate) fn path(&self, id: &str, extension: &str) -> PathBuf {
        self.directory.join(format!("{id}.{extension}"))
    }
}

/// An id becomes a file name.
pub(crate) fn check_id(id: &str) -> Result<(), Error> {
    let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    if (1..=64).contains(&id.len()) && id.bytes().all(allowed) {
        return Ok(());
    }
    Err(Error::Id(id.chars().take(80).collect()))
}

pub(crate) fn remove_file(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io("remove a file")(error)),
        _ => Ok(()),
    }
}

pub(crate) fn sync_directory(directory: &Path) -> Result<(), Error> {
    let synced = File::open(directory).and_then(|directory| directory.sync_all());
    synced.map_err(Error::io("make the directory durable"))
}
