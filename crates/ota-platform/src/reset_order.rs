//! The order of a factory reset: a file that the next start finds, whole or not at all.

use crate::facts::remove;
use crate::kept::on_disk;
use async_trait::async_trait;
use ota_engine::ports::{ResetOrder, ResetOrders, StepError};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Bytes of an order: a job and two records.
const LONGEST: u64 = 4 << 20;

/// The place of the order.
#[derive(Debug, Clone)]
pub struct ResetOrderFile(PathBuf);

impl ResetOrderFile {
    /// In the gateway's data directory.
    #[must_use]
    pub fn within(data_dir: &Path) -> Self {
        Self(data_dir.join("factory-reset.json"))
    }

    /// The order that is there. Blocks.
    ///
    /// # Errors
    /// When the file cannot be read or is not an order.
    pub fn read(&self) -> io::Result<Option<ResetOrder>> {
        match fs::metadata(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Ok(facts) if facts.len() > LONGEST => return Err(io::Error::other("the order is too long")),
            found => found?,
        };
        Ok(Some(serde_json::from_slice(&fs::read(&self.0)?)?))
    }

    /// Removes the order, durably. Blocks.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove(&self) -> io::Result<()> {
        remove(&self.0)?;
        self.sync()
    }

    fn write(&self, order: &ResetOrder) -> io::Result<()> {
        let unfinished = self.0.with_extension("new");
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
        file.write_all(&serde_json::to_vec(order)?)?;
        file.sync_all()?;
        fs::rename(&unfinished, &self.0)?;
        self.sync()
    }

    fn sync(&self) -> io::Result<()> {
        self.0.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all())
    }
}

#[async_trait]
impl ResetOrders for ResetOrderFile {
    async fn place(&self, order: &ResetOrder) -> Result<(), StepError> {
        let (this, order) = (self.clone(), order.clone());
        on_disk("The factory reset could not be ordered.", move || this.write(&order)).await
    }

    async fn withdraw(&self) -> Result<(), StepError> {
        let this = self.clone();
        on_disk("The factory reset could not be taken back.", move || this.remove()).await
    }
}
