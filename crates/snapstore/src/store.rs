//! The store: one lock for writers, one for names, and who takes which.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::collect::{collect, left_with};
use crate::create;
use crate::error::Error;
use crate::files::Files;
use crate::manifest::Manifest;
use crate::progress::Progress;
use crate::read::Opened;
use crate::request::{Options, Request};
use crate::summary::{Entry, Summary, summaries};

/// How much may stay; see [`Store::retain`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Most snapshots.
    pub max_count: usize,
    /// Most bytes of all files of the store.
    pub max_bytes: u64,
}

/// What [`Store::retain`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retained {
    /// Ids of the snapshots that were removed, oldest first.
    pub removed: Vec<String>,
    /// `false` when the limits are still exceeded and no removal would help.
    pub within: bool,
}

/// The id of a snapshot, and why its manifest cannot be read.
type Unreadable = (String, Error);

/// Snapshots in a directory. Share it by reference: whoever writes waits for the writer before, readers wait
/// for nobody.
#[derive(Debug)]
pub struct Store {
    files: Files,
    /// Held by whoever creates or removes, so no chunk is referred to while it goes.
    writers: Mutex<()>,
    /// Shared by who opens files of a snapshot, held alone by who removes some. Never held for long.
    names: RwLock<()>,
}

impl Store {
    /// Opens the store in `directory`, which is made when it is missing, and removes what interrupted
    /// operations left.
    ///
    /// # Errors
    ///
    /// [`Error::InUse`] while another `Store` has it open, [`Error::Invalid`] for options out of bounds,
    /// [`Error::Io`].
    pub fn open(directory: impl AsRef<Path>, options: Options) -> Result<Self, Error> {
        options.check()?;
        let files = Files::open(directory.as_ref(), options)?;
        let store = Self { files, writers: Mutex::new(()), names: RwLock::new(()) };
        collect(&store.files, &store.names, false)?;
        Ok(store)
    }

    /// Takes a snapshot. It exists, and is on the disk, exactly when this returns `Ok`; otherwise nothing is
    /// left of it.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`], [`Error::Exists`], [`Error::NoSpace`], [`Error::Cancelled`], [`Error::Source`]
    /// when an image cannot be read, [`Error::Io`].
    pub fn create(&self, request: &Request, progress: &dyn Progress) -> Result<Summary, Error> {
        let metadata = request.check(self.files.options())?;
        let _writer = self.writer();
        if self.files.exists(&request.id)? {
            return Err(Error::Exists(request.id.clone()));
        }
        create::create(&self.files, request, metadata, progress)
    }

    /// Every snapshot, oldest first; after them the damaged ones by id.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when the directory cannot be listed.
    pub fn list(&self) -> Result<Vec<Entry>, Error> {
        let (manifests, damaged) = self.manifests()?;
        let damaged = damaged.into_iter().map(|(id, error)| Entry::Damaged { id, error });
        Ok(summaries(&manifests).into_iter().map(Entry::Whole).chain(damaged).collect())
    }

    /// Bytes of all files of the store.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when the directory cannot be listed.
    pub fn used_bytes(&self) -> Result<u64, Error> {
        self.files.used_bytes()
    }

    /// Reads all of a snapshot and checks every chunk; opening it has checked its manifest and root hash.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`] at the first chunk that is not what was stored, [`Error::NotFound`],
    /// [`Error::Cancelled`], [`Error::Io`].
    pub fn verify(&self, id: &str, progress: &dyn Progress) -> Result<(), Error> {
        let opened = self.opened(id)?;
        let total = opened.manifest.logical_bytes();
        let mut done = 0;
        for image in &opened.manifest.images {
            opened.stream(image, &|| progress.cancelled(), &mut |bytes| {
                done += bytes.len() as u64;
                progress.report(done, total);
                Ok::<_, Error>(())
            })?;
        }
        Ok(())
    }

    /// Hands an image to `sink`, in order and in pieces of at most a MiB. Each was checked before; `sink`
    /// hears nothing of what follows a failure. `cancelled` is asked once a piece. The snapshot may be
    /// removed meanwhile.
    ///
    /// # Errors
    ///
    /// What `sink` returned, or [`Error::Damaged`], [`Error::NotFound`], [`Error::NoImage`],
    /// [`Error::Cancelled`], [`Error::Io`].
    pub fn read_image<E: From<Error>>(
        &self,
        id: &str,
        image: &str,
        cancelled: &dyn Fn() -> bool,
        mut sink: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let opened = self.opened(id)?;
        let missing = || Error::NoImage { snapshot: id.to_owned(), image: image.to_owned() };
        let image = opened.manifest.images.iter().find(|one| one.name == image).ok_or_else(missing)?;
        opened.stream(image, cancelled, &mut sink)
    }

    /// Removes a snapshot, damaged or not, and what only it needed. Where packs are left with less than half
    /// of their bytes in use, they are rewritten; a disk too full for that is no failure, the next removal or
    /// [`sweep`](Self::sweep) does it.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; [`Error::Io`], after which the snapshot may be there or not.
    pub fn remove(&self, id: &str) -> Result<(), Error> {
        let _writer = self.writer();
        self.remove_locked(id)
    }

    /// Removes the oldest snapshots, but none of `protected`, until the rest is within the limits. A damaged
    /// snapshot is not counted. None is removed for its bytes where that cannot help: while one is damaged,
    /// nobody knows which packs it needs and they all stay, and what is protected may be too much by itself.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; what was removed until then is removed.
    pub fn retain(&self, limits: Retention, protected: &[&str]) -> Result<Retained, Error> {
        let _writer = self.writer();
        let (manifests, damaged) = self.manifests()?;
        let is_protected = |manifest: &Manifest| protected.contains(&manifest.id.as_str());
        let (kept, oldest): (Vec<_>, Vec<_>) = manifests.into_iter().partition(is_protected);
        let helps = damaged.is_empty() && left_with(&self.files, &kept) <= limits.max_bytes;
        let (mut count, mut oldest) = (kept.len() + oldest.len(), oldest.into_iter());
        let mut removed = Vec::new();
        loop {
            let too_long = self.used_bytes()? > limits.max_bytes;
            let next = if count > limits.max_count || (too_long && helps) { oldest.next() } else { None };
            let Some(Manifest { id, .. }) = next else {
                return Ok(Retained { removed, within: count <= limits.max_count && !too_long });
            };
            self.remove_locked(&id)?;
            count -= 1;
            removed.push(id);
        }
    }

    /// Removes what interrupted or failed operations left, and finishes compactions.
    ///
    /// # Errors
    ///
    /// [`Error::NoSpace`] when there is no room to rewrite a pack, [`Error::Io`].
    pub fn sweep(&self) -> Result<(), Error> {
        let _writer = self.writer();
        collect(&self.files, &self.names, true)
    }

    /// Oldest first, and those that cannot be read, by id.
    fn manifests(&self) -> Result<(Vec<Manifest>, Vec<Unreadable>), Error> {
        let _names = self.read_names();
        let (mut manifests, mut damaged) = (Vec::new(), Vec::new());
        for id in self.files.listing()?.ids {
            match self.files.read(&id) {
                Ok(manifest) => manifests.push(manifest),
                Err(error) => damaged.push((id, error)),
            }
        }
        manifests.sort_by(|a: &Manifest, b| (a.sequence, &a.id).cmp(&(b.sequence, &b.id)));
        Ok((manifests, damaged))
    }

    fn remove_locked(&self, id: &str) -> Result<(), Error> {
        if !self.files.exists(id)? {
            return Err(Error::NotFound(id.to_owned()));
        }
        {
            let _names = self.change_names();
            self.files.unpublish(id)?;
        }
        match collect(&self.files, &self.names, true) {
            Err(Error::NoSpace) => Ok(()),
            other => other,
        }
    }

    fn opened(&self, id: &str) -> Result<Opened, Error> {
        let _names = self.read_names();
        Opened::new(&self.files, id)
    }

    // What the locks guard is on the disk and consistent at any point, so a poisoned one is as good as
    // another.

    fn writer(&self) -> MutexGuard<'_, ()> {
        self.writers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read_names(&self) -> RwLockReadGuard<'_, ()> {
        self.names.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change_names(&self) -> RwLockWriteGuard<'_, ()> {
        self.names.write().unwrap_or_else(PoisonError::into_inner)
    }
}
