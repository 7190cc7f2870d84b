//! The directory of one component: the link to what is current, and what its places hold.

use crate::facts::{remove, write_facts};
use jiff::Timestamp;
use ota_core::ComponentPlace;
use ota_engine::ports::ComponentImage;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// What a place holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) version: String,
    /// Lower-case hexadecimal.
    pub(super) sha256: String,
    /// Bytes.
    pub(super) size: u64,
    /// It was read back, and did not fail when it was activated.
    pub(super) verified: bool,
    pub(super) installed_at: Timestamp,
}

impl Record {
    /// Of an image that was just read back.
    pub(super) fn of(image: &ComponentImage) -> Self {
        let now = Timestamp::now();
        Self {
            version: image.version.clone(),
            sha256: image.image.sha256.clone(),
            size: image.image.size,
            verified: true,
            // Timestamps are kept in whole seconds.
            installed_at: now.round(jiff::Unit::Second).unwrap_or(now),
        }
    }

    pub(super) fn holds(&self, image: &ComponentImage) -> bool {
        self.verified && self.sha256 == image.image.sha256 && self.size == image.image.size
    }
}

/// The directory.
#[derive(Debug, Clone)]
pub(super) struct Shelf(PathBuf);

impl Shelf {
    pub(super) fn within(directory: &Path, name: &str) -> Self {
        Self(directory.join(name))
    }

    pub(super) fn link(&self) -> PathBuf {
        self.0.join("current")
    }

    /// Where the link leads; `None` where there is none.
    pub(super) fn target(&self) -> io::Result<Option<PathBuf>> {
        there(fs::read_link(self.link()))
    }

    /// Makes the link lead to `target`, or removes it, in one durable step.
    pub(super) fn switch(&self, target: Option<&Path>) -> io::Result<()> {
        match target {
            Some(target) => {
                fs::create_dir_all(&self.0)?;
                let unfinished = self.0.join("current.new");
                remove(&unfinished)?;
                symlink(target, &unfinished)?;
                fs::rename(&unfinished, self.link())?;
            }
            None => remove(&self.link())?,
        }
        self.sync()
    }

    pub(super) fn read(&self, place: ComponentPlace) -> io::Result<Option<Record>> {
        let text = there(fs::read(self.facts(place)))?;
        Ok(text.map(|text| serde_json::from_slice(&text)).transpose()?)
    }

    pub(super) fn record(&self, place: ComponentPlace, record: &Record) -> io::Result<()> {
        fs::create_dir_all(&self.0)?;
        let unfinished = self.facts(place).with_extension("new");
        write_facts(&unfinished, record)?;
        fs::rename(&unfinished, self.facts(place))?;
        self.sync()
    }

    /// What the place holds does not count any more.
    pub(super) fn forget(&self, place: ComponentPlace) -> io::Result<()> {
        fs::create_dir_all(&self.0)?;
        remove(&self.facts(place))?;
        self.sync()
    }

    /// What the place holds is not made current again.
    pub(super) fn distrust(&self, place: ComponentPlace) -> io::Result<()> {
        match self.read(place)? {
            Some(record) => self.record(place, &Record { verified: false, ..record }),
            None => Ok(()),
        }
    }

    fn facts(&self, place: ComponentPlace) -> PathBuf {
        self.0.join(format!("{place}.json"))
    }

    fn sync(&self) -> io::Result<()> {
        match there(File::open(&self.0))? {
            Some(directory) => directory.sync_all(),
            None => Ok(()),
        }
    }
}

/// What is not there is no error.
fn there<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        found => found.map(Some),
    }
}
