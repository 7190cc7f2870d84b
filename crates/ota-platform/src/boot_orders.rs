//! Orders for the next start: files that it finds whole or not at all.

use crate::facts::remove;
use crate::kept::on_disk;
use async_trait::async_trait;
use ota_core::{Job, Work};
use ota_engine::ports::{BootOrder, BootOrders, ResetOrder, SlotOrder, StepError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Bytes of an order: a job and two records.
const LONGEST: u64 = 4 << 20;
/// Its name is that of older releases, which carry such an order out as well.
const RESET: &str = "factory-reset.json";
const SLOT: &str = "slot-order.json";
/// The boot in which orders were last looked for early enough.
const LOOKED: &str = "boot-hook";

/// The places of the orders, in the gateway's data directory.
#[derive(Debug, Clone)]
pub struct BootOrderFiles(PathBuf);

impl BootOrderFiles {
    #[must_use]
    pub fn within(data_dir: &Path) -> Self {
        Self(data_dir.to_owned())
    }

    /// The order of a factory reset that is there. Blocks.
    ///
    /// # Errors
    /// When the file cannot be read or is not an order.
    pub fn reset(&self) -> io::Result<Option<ResetOrder>> {
        self.read(RESET)
    }

    /// The order to write a slot that is there. Blocks.
    ///
    /// # Errors
    /// When the file cannot be read or is not an order.
    pub fn slot(&self) -> io::Result<Option<SlotOrder>> {
        let order: Option<SlotOrder> = self.read(SLOT)?;
        Ok(order.map(|order| SlotOrder { bundle: self.0.join(&order.bundle), ..order }))
    }

    /// Removes the order of a factory reset, durably. Blocks.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove_reset(&self) -> io::Result<()> {
        self.remove(RESET)
    }

    /// Notes that orders were looked for in this boot before the slot was mounted. Blocks.
    ///
    /// # Errors
    /// When that cannot be made durable.
    pub fn note_look(&self, boot_id: &str) -> io::Result<()> {
        if self.look()?.as_deref() == Some(boot_id) {
            return Ok(());
        }
        self.write(LOOKED, boot_id.as_bytes())
    }

    /// The last boot of which [`note_look`](Self::note_look) was told. Blocks.
    ///
    /// # Errors
    /// When the note cannot be read.
    pub fn look(&self) -> io::Result<Option<String>> {
        match fs::read_to_string(self.0.join(LOOKED)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            text => Ok(Some(text?)),
        }
    }

    fn read<T: DeserializeOwned>(&self, name: &str) -> io::Result<Option<T>> {
        let path = self.0.join(name);
        match fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Ok(facts) if facts.len() > LONGEST => return Err(io::Error::other("the order is too long")),
            found => found?,
        };
        Ok(Some(serde_json::from_slice(&fs::read(path)?)?))
    }

    fn place_blocking(&self, order: &BootOrder) -> io::Result<()> {
        match order {
            BootOrder::Reset(order) => self.put(RESET, order),
            BootOrder::Slot(order) => {
                let bundle = order.bundle.strip_prefix(&self.0).unwrap_or(&order.bundle).to_owned();
                self.put(SLOT, &SlotOrder { bundle, ..SlotOrder::clone(order) })
            }
        }
    }

    fn put(&self, name: &str, order: &impl Serialize) -> io::Result<()> {
        self.write(name, &serde_json::to_vec(order)?)
    }

    fn write(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let (path, unfinished) = (self.0.join(name), self.0.join(name).with_extension("new"));
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&unfinished, &path)?;
        self.sync()
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        remove(&self.0.join(name))?;
        self.sync()
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.0)?.sync_all()
    }
}

#[async_trait]
impl BootOrders for BootOrderFiles {
    async fn place(&self, order: &BootOrder) -> Result<(), StepError> {
        let (this, order) = (self.clone(), order.clone());
        on_disk("The order for the next start could not be given.", move || this.place_blocking(&order)).await
    }

    async fn withdraw(&self, job: &Job) -> Result<(), StepError> {
        let this = self.clone();
        let name = if matches!(job.work, Work::Reset(_)) { RESET } else { SLOT };
        on_disk("The order for the next start could not be taken back.", move || this.remove(name)).await
    }

    async fn slot_order(&self) -> Result<Option<SlotOrder>, StepError> {
        let this = self.clone();
        on_disk("The order for the next start cannot be read.", move || this.slot()).await
    }

    async fn looked_in(&self) -> Result<Option<String>, StepError> {
        let this = self.clone();
        on_disk("It cannot be told whether the start looks for orders.", move || this.look()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use ota_core::{Actor, JobId, JobKind, SlotId, SlotRecord, SlotTask, SlotWork, UploadedImage};

    fn order(data_dir: &Path) -> SlotOrder {
        let image = UploadedImage {
            name: "x".into(),
            label: None,
            version: "v5.0.5".into(),
            length: 1,
            sha256: "00".into(),
        };
        let actor = Actor::local("operator");
        let (id, at) = (JobId::numbered(JobKind::Deploy, 1), Timestamp::UNIX_EPOCH);
        let job = Job::new(id, Work::Upload(image), SlotId::A, "v5.0.4".into(), actor, at);
        let former = SlotRecord {
            version: "v5.0.4".into(),
            kernel: "unknown".into(),
            image_bytes: 1,
            sha256: "00".into(),
            installed_at: at,
            bundle: None,
            good: true,
        };
        let bundle = data_dir.join("uploads/x.raucb");
        SlotOrder { job, boot_id: "first".into(), bundle, former, work: SlotWork::default() }
    }

    #[tokio::test]
    async fn an_order_is_found_again_where_the_data_directory_is_mounted_elsewhere() {
        let [here, there] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let files = BootOrderFiles::within(here.path());
        let mut order = order(here.path());
        order.work.task = SlotTask::Restore { reason: "it is not well".into() };
        files.place(&BootOrder::Slot(Box::new(order.clone()))).await.unwrap();
        assert_eq!(files.slot_order().await.unwrap(), Some(order.clone()));
        fs::rename(here.path().join(SLOT), there.path().join(SLOT)).unwrap();
        let moved = BootOrderFiles::within(there.path());
        assert_eq!(moved.slot().unwrap().unwrap().bundle, there.path().join("uploads/x.raucb"));
        assert_eq!(moved.reset().unwrap(), None);
        moved.withdraw(&order.job).await.unwrap();
        moved.withdraw(&order.job).await.unwrap();
        assert_eq!(moved.slot().unwrap(), None);
    }

    #[test]
    fn what_is_no_order_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let files = BootOrderFiles::within(directory.path());
        fs::write(directory.path().join(SLOT), "{\"job\":").unwrap();
        assert_eq!(files.slot().unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        fs::write(directory.path().join(SLOT), "{}").unwrap();
        assert_eq!(files.slot().unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert_eq!(files.look().unwrap(), None);
        files.note_look("first").unwrap();
        assert_eq!(files.look().unwrap().as_deref(), Some("first"));
    }
}
