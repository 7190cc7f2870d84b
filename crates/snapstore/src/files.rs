//! The store's directory: names, order of syncs, what is a leftover.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::error::{Damage, Error, while_};
use crate::manifest::{self, Manifest};
use crate::request::{Options, valid_id};

/// The directory of an open store, locked against other processes.
#[derive(Debug)]
pub(crate) struct Files {
    path: PathBuf,
    handle: File,
    options: Options,
    _lock: File,
}

/// What is in the directory. Names of other shapes are somebody else's and are left alone.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pub ids: Vec<String>,
    pub packs: Vec<u64>,
    pub unfinished: Vec<PathBuf>,
}

impl Files {
    pub fn open(path: &Path, options: Options) -> Result<Self, Error> {
        make_directory(path).map_err(while_("make the directory of the store"))?;
        let lock = File::options().create(true).truncate(false).write(true).open(path.join("lock"));
        let lock = lock.map_err(while_("open the lock of the store"))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|error| match error {
            rustix::io::Errno::WOULDBLOCK => Error::InUse,
            other => while_("lock the store")(other.into()),
        })?;
        let handle = File::open(path).map_err(while_("open the directory of the store"))?;
        Ok(Self { path: path.to_owned(), handle, options, _lock: lock })
    }

    pub fn options(&self) -> &Options {
        &self.options
    }

    fn manifest(&self, id: &str) -> PathBuf {
        self.path.join(format!("{id}.snap"))
    }

    pub fn pack(&self, number: u64) -> PathBuf {
        self.path.join(format!("{number:016x}.pack"))
    }

    /// Also of a damaged snapshot.
    pub fn exists(&self, id: &str) -> Result<bool, Error> {
        match valid_id(id) {
            true => self.manifest(id).try_exists().map_err(while_("look for a manifest")),
            false => Ok(false),
        }
    }

    pub fn listing(&self) -> Result<Listing, Error> {
        let mut listing = Listing::default();
        for entry in fs::read_dir(&self.path).map_err(while_("list the store"))? {
            let entry = entry.map_err(while_("list the store"))?;
            let name = entry.file_name();
            match name.to_str().and_then(|name| name.rsplit_once('.')) {
                Some((id, "snap")) if valid_id(id) => listing.ids.push(id.to_owned()),
                Some((id, "tmp")) if valid_id(id) => listing.unfinished.push(entry.path()),
                Some((number, "pack")) if number.len() == 16 => {
                    listing.packs.extend(u64::from_str_radix(number, 16));
                }
                _ => {}
            }
        }
        listing.ids.sort();
        Ok(listing)
    }

    pub fn read(&self, id: &str) -> Result<Manifest, Error> {
        if !valid_id(id) {
            return Err(Error::NotFound(id.to_owned()));
        }
        let file = File::open(self.manifest(id)).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Error::NotFound(id.to_owned()),
            _ => while_("open a manifest")(error),
        })?;
        let max = manifest::max_bytes(&self.options);
        let mut bytes = Vec::new();
        file.take(max + 1).read_to_end(&mut bytes).map_err(while_("read a manifest"))?;
        if bytes.len() as u64 > max {
            let damage = Damage::Manifest("it is too long");
            return Err(Error::Damaged { snapshot: id.to_owned(), damage });
        }
        Manifest::decode(id, &bytes, &self.options)
    }

    /// Makes the snapshot exist, or replaces its manifest. The bytes of the packs that it names have been
    /// synced; their names in the directory are synced here, before the rename.
    pub fn publish(&self, manifest: &Manifest) -> Result<(), Error> {
        let unfinished = self.path.join(format!("{}.tmp", manifest.id));
        let write = || {
            let mut file = File::create(&unfinished)?;
            file.write_all(&manifest.encode())?;
            file.sync_all()?;
            self.handle.sync_all()?;
            fs::rename(&unfinished, self.manifest(&manifest.id))
        };
        if let Err(error) = write() {
            let _ = fs::remove_file(&unfinished);
            return Err(while_("write a manifest")(error));
        }
        self.sync()
    }

    /// Ends the snapshot: after this, nothing of it comes back.
    pub fn unpublish(&self, id: &str) -> Result<(), Error> {
        remove(&self.manifest(id))?;
        self.sync()
    }

    pub fn remove_pack(&self, number: u64) -> Result<(), Error> {
        remove(&self.pack(number))
    }

    pub fn remove_unfinished(&self, listing: &Listing) -> Result<(), Error> {
        listing.unfinished.iter().try_for_each(|path| remove(path))
    }

    pub fn sync(&self) -> Result<(), Error> {
        self.handle.sync_all().map_err(while_("sync the directory of the store"))
    }

    /// Zero when it is gone.
    pub fn pack_length(&self, number: u64) -> u64 {
        length(&self.pack(number))
    }

    /// Bytes of all manifests and packs.
    pub fn used_bytes(&self) -> Result<u64, Error> {
        let listing = self.listing()?;
        let manifests = listing.ids.iter().map(|id| length(&self.manifest(id)));
        Ok(manifests.chain(listing.packs.iter().map(|number| self.pack_length(*number))).sum())
    }

    /// Bytes that may still be written to the file system.
    pub fn free_bytes(&self) -> Result<u64, Error> {
        let stat = rustix::fs::fstatvfs(&self.handle);
        let stat = stat.map_err(|error| while_("ask for the free room")(error.into()))?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
}

/// Makes the directory and what is missing above it, each with its name on the disk.
fn make_directory(path: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = path.ancestors().take_while(|above| !above.exists()).collect();
    fs::create_dir_all(path)?;
    let above = missing.into_iter().filter_map(Path::parent);
    let above = above.map(|above| if above.as_os_str().is_empty() { Path::new(".") } else { above });
    above.map(File::open).try_for_each(|above| above?.sync_all())
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |data| data.len())
}

/// A file that is gone already is as good as removed.
fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(while_("remove a file of the store")(error))
        }
        _ => Ok(()),
    }
}
