//! Files that are kept with what is known about them: `NAME.raucb`, and `NAME.json` beside it. A file is there exactly when its
//! facts are; they are written last and removed first.

use serde::{Serialize, de::DeserializeOwned};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

const FILE: &str = "raucb";
const FACTS: &str = "json";
const UNFINISHED: &str = "new";
/// Bytes of facts: a manifest's images are few.
const LONGEST_FACTS: u64 = 1 << 20;

/// A directory of such files.
#[derive(Debug, Clone)]
pub(crate) struct FactsDirectory(PathBuf);

impl FactsDirectory {
    /// Opens the directory, which is made where it is missing, and removes what interrupted operations left.
    pub(crate) fn open(directory: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&directory)?;
        let this = Self(directory);
        this.sweep()?;
        Ok(this)
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.0
    }

    /// The place of a file that is on its way: a restart removes it.
    pub(crate) fn unfinished(&self, name: &str) -> PathBuf {
        self.0.join(format!("{name}.{UNFINISHED}"))
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(format!("{name}.{FILE}"))
    }

    /// Moves the file, which is on the disk, to its place under `name`, then says what it is.
    pub(crate) fn publish(&self, name: &str, file: &Path, facts: &impl Serialize) -> io::Result<PathBuf> {
        let (place, unfinished) = (self.file(name), self.unfinished(name));
        let published = write_facts(&unfinished, facts).and_then(|()| {
            fs::rename(file, &place)?;
            // Where both were names of one file, the first one is still there.
            remove(file)?;
            fs::rename(&unfinished, self.facts(name))?;
            self.sync()
        });
        if published.is_err() {
            // Nothing is kept of what nobody knows; where these cannot be removed either, the next start does it.
            let _ = remove(&unfinished);
            if !self.facts(name).exists() {
                let _ = remove(&place);
            }
        }
        published.map(|()| place)
    }

    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        remove(&self.facts(name))?;
        self.sync()?;
        remove(&self.file(name))
    }

    /// Every file with its facts. What cannot be understood, or is not as long as `length` says, is passed over and told to the log.
    pub(crate) fn list<T: DeserializeOwned>(
        &self,
        length: impl Fn(&T) -> u64,
    ) -> io::Result<Vec<(PathBuf, T)>> {
        let mut found = Vec::new();
        for name in self.names()? {
            let facts = || -> io::Result<T> {
                let path = self.facts(&name);
                if fs::metadata(&path)?.len() > LONGEST_FACTS {
                    return Err(io::Error::other("the facts are too long"));
                }
                Ok(serde_json::from_slice(&fs::read(path)?)?)
            };
            let file = self.file(&name);
            let whole = facts().and_then(|facts| match fs::metadata(&file)?.len() == length(&facts) {
                true => Ok(facts),
                false => Err(io::Error::other("the file does not have the length that it had")),
            });
            match whole {
                Ok(facts) => found.push((file, facts)),
                Err(error) => tracing::warn!(%error, file = %file.display(), "passed over"),
            }
        }
        Ok(found)
    }

    fn sweep(&self) -> io::Result<()> {
        let names = self.names()?;
        for entry in fs::read_dir(&self.0)? {
            let path = entry?.path();
            let stem = path.file_stem().and_then(OsStr::to_str).unwrap_or_default();
            let extension = path.extension().and_then(OsStr::to_str).unwrap_or_default();
            let orphan = extension == FILE && !names.iter().any(|name| name == stem);
            if extension == UNFINISHED || orphan {
                remove(&path)?;
            }
        }
        self.sync()
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.0)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == FACTS)
                && let Some(name) = path.file_stem().and_then(OsStr::to_str)
            {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }

    fn facts(&self, name: &str) -> PathBuf {
        self.0.join(format!("{name}.{FACTS}"))
    }

    pub(crate) fn sync(&self) -> io::Result<()> {
        File::open(&self.0)?.sync_all()
    }
}

pub(crate) fn write_facts(path: &Path, facts: &impl Serialize) -> io::Result<()> {
    let mut out = File::create(path)?;
    out.write_all(&serde_json::to_vec(facts)?)?;
    out.sync_all()
}

pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
