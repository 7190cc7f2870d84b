//! Removing snapshots.

use crate::Error;
use crate::store::{MANIFEST, PACK, Store, check_id, remove_file, sync_directory};
use std::collections::HashSet;

impl Store {
    /// Removes a snapshot and the packs that no other one needs. Whoever reads it meanwhile reads it to its end.
    ///
    /// # Errors
    /// [`Error::Unknown`], and what the file system says.
    pub fn remove(&self, id: &str) -> Result<(), Error> {
        check_id(id)?;
        let changing = self.change();
        let manifest = self.path(id, MANIFEST);
        if !manifest.exists() {
            return Err(Error::Unknown(id.to_owned()));
        }
        // A damaged one may have been all that named its pack.
        let mut packs = self.manifest(id).map(|manifest| manifest.header.packs).unwrap_or_default();
        packs.push(format!("{id}.{PACK}"));
        // The manifest first: a snapshot without its chunks must not be there at any moment.
        remove_file(&manifest)?;
        sync_directory(&self.directory)?;
        if let Some(needed) = self.needed()? {
            for pack in packs.iter().filter(|pack| !needed.contains(*pack)) {
                remove_file(&self.directory.join(pack))?;
            }
        }
        drop(changing);
        sync_directory(&self.directory)
    }

    /// The packs that the snapshots need; `None` while one of them cannot be read.
    fn needed(&self) -> Result<Option<HashSet<String>>, Error> {
        let mut needed = HashSet::new();
        for id in self.ids()? {
            match self.manifest(&id) {
                Ok(manifest) => needed.extend(manifest.header.packs),
                Err(_) => return Ok(None),
            }
        }
        Ok(Some(needed))
    }

    /// Removes the oldest snapshots while there are more of them, or more bytes, than the limits say, but none of `protected`.
    /// Returns the ids that were removed.
    ///
    /// # Errors
    /// What the file system says; what was removed until then is.
    pub fn retain(&self, protected: &[String]) -> Result<Vec<String>, Error> {
        let mut removed = Vec::new();
        let snapshots = self.list()?;
        let mut left = snapshots.len();
        for snapshot in snapshots {
            if left <= self.limits.count && self.size()? <= self.limits.bytes {
                break;
            }
            if !protected.contains(&snapshot.id) {
                self.remove(&snapshot.id)?;
                removed.push(snapshot.id);
                left -= 1;
            }
        }
        Ok(removed)
    }
}
