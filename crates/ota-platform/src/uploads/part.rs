//! The files of an upload that comes in parts: `ID.part` has its bytes, `ID.about` says what it is and how many of them are on
//! the disk, which is never too much. The second is written first and removed first.

use crate::facts::{FactsDirectory, remove, write_facts};
use jiff::Timestamp;
use ota_engine::ports::UploadId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const BYTES: &str = "part";
const ABOUT: &str = "about";
/// Bytes of what is said about one.
const LONGEST_ABOUT: u64 = 16 << 10;

/// What the disk says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct About {
    pub(super) name: String,
    pub(super) label: Option<String>,
    /// Bytes of the whole.
    pub(super) length: u64,
    /// Bytes from the start of the file that are on the disk.
    pub(super) offset: u64,
    /// When it was begun, or more of it came.
    pub(super) touched: Timestamp,
}

/// Where one upload is.
#[derive(Debug, Clone)]
pub(super) struct Place {
    directory: FactsDirectory,
    id: UploadId,
}

impl Place {
    pub(super) fn new(directory: &FactsDirectory, id: UploadId) -> Self {
        Self { directory: directory.clone(), id }
    }

    pub(super) fn bytes(&self) -> PathBuf {
        self.path(BYTES)
    }

    fn path(&self, extension: &str) -> PathBuf {
        self.directory.directory().join(format!("{}.{extension}", self.id))
    }

    /// Durable when this returns; the bytes that it speaks of have to be.
    pub(super) fn save(&self, about: &About) -> io::Result<()> {
        let new = self.directory.unfinished(&self.id.to_string());
        let saved = write_facts(&new, about).and_then(|()| {
            fs::rename(&new, self.path(ABOUT))?;
            self.directory.sync()
        });
        if saved.is_err() {
            // The next start would do it, too.
            let _ = remove(&new);
        }
        saved
    }

    pub(super) fn discard(&self) -> io::Result<()> {
        remove(&self.path(ABOUT))?;
        self.directory.sync()?;
        remove(&self.bytes())
    }

    /// `None` where the two files do not belong to each other, or are none of ours.
    fn read(&self) -> io::Result<Option<About>> {
        let path = self.path(ABOUT);
        let length = match fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            metadata => metadata?.len(),
        };
        if length > LONGEST_ABOUT {
            return Ok(None);
        }
        let about: Option<About> = serde_json::from_slice(&fs::read(path)?).ok();
        let there = fs::metadata(self.bytes()).map_or(0, |metadata| metadata.len());
        Ok(about.filter(|about| about.offset <= about.length && about.offset <= there))
    }
}

/// The uploads of the directory. What no upload can be made of any more is removed.
pub(super) fn find(directory: &FactsDirectory) -> io::Result<BTreeMap<UploadId, About>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory.directory())? {
        let Some(id) = named(&entry?.path()) else { continue };
        let place = Place::new(directory, id);
        match place.read()? {
            Some(about) => {
                found.insert(id, about);
            }
            None => {
                tracing::warn!(%id, "what is left of an upload cannot be gone on with and is removed");
                place.discard()?;
            }
        }
    }
    Ok(found)
}

fn named(path: &Path) -> Option<UploadId> {
    let extension = path.extension().and_then(OsStr::to_str)?;
    let ours = [BYTES, ABOUT].contains(&extension);
    path.file_stem().and_then(OsStr::to_str).filter(|_| ours)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(offset: u64) -> About {
        About { name: "x".into(), label: None, length: 10, offset, touched: Timestamp::UNIX_EPOCH }
    }

    #[test]
    fn only_what_can_be_gone_on_with_is_found_and_the_rest_goes() {
        let temporary = tempfile::tempdir().unwrap();
        let directory = FactsDirectory::open(temporary.path().to_owned()).unwrap();
        let place = |id| Place::new(&directory, UploadId::new(id));
        // Begun, and nothing came.
        place(1).save(&about(0)).unwrap();
        // More came than is known to be on the disk.
        place(2).save(&about(4)).unwrap();
        fs::write(place(2).bytes(), "0123456").unwrap();
        // Less is there than was on the disk; bytes of nothing; no sense.
        place(3).save(&about(4)).unwrap();
        fs::write(place(3).bytes(), "012").unwrap();
        fs::write(place(4).bytes(), "0123").unwrap();
        fs::write(place(5).path(ABOUT), "{").unwrap();
        place(6).save(&about(11)).unwrap();
        fs::write(place(6).bytes(), "0123456789a").unwrap();
        let strange = temporary.path().join("not-an-id.part");
        fs::write(&strange, "").unwrap();
        let found = find(&directory).unwrap();
        assert_eq!(found, BTreeMap::from([(UploadId::new(1), about(0)), (UploadId::new(2), about(4))]));
        let left = fs::read_dir(temporary.path()).unwrap().count();
        assert_eq!(left, 4, "one file of the first, two of the second, and the strange one");
        assert!(strange.exists());
    }
}
