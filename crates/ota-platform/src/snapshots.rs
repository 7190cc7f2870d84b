//! Snapshots of slots, in a store of deduplicated chunks.

use crate::blocking::{Control, metered};
use crate::causes::causes;
use crate::free_space::free_bytes;
use crate::slots::length;
use async_trait::async_trait;
use jiff::Timestamp;
use ota_core::{Bundle, BySlot, FailureCode, ImageFacts, Settings, SlotId};
use ota_engine::ports::{Meter, NewSnapshot, SnapshotFacts, Snapshots, StepError};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use snapstore::{Entry, Error, ImageSource, Options, Progress, Request, Retention, Store, Summary};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

/// Where snapshots are, and how much they may take.
#[derive(Debug, Clone)]
pub struct SnapshotsConfig {
    pub directory: PathBuf,
    /// For each slot, the file or block device of each image class.
    pub places: BySlot<BTreeMap<String, PathBuf>>,
    /// The systems are mounted for writing: all of a slot is kept, not only what was installed.
    pub writable: bool,
    /// Snapshots that stay.
    pub count: usize,
    /// Bytes of the disk that they may take together.
    pub bytes: u64,
    /// Bytes of the disk that stay free.
    pub keep_free: u64,
}

/// Snapshots of the slots of this gateway.
#[derive(Debug, Clone)]
pub struct SlotSnapshots {
    store: Arc<Store>,
    config: SnapshotsConfig,
}

/// The store's metadata of a snapshot.
#[derive(Debug, Serialize, Deserialize)]
struct Facts {
    name: String,
    description: String,
    at: Timestamp,
    slot: SlotId,
    content: Bundle,
    /// In their saved form: a newer release may have settings that this one does not understand, and the snapshot is whole all the same.
    settings: Value,
}

/// The store's progress as ours.
struct Reported<'a> {
    control: &'a Control,
    done: AtomicU64,
}

impl Progress for Reported<'_> {
    fn report(&self, done: u64, _total: u64) {
        self.control.add(done.saturating_sub(self.done.swap(done, Relaxed)));
    }

    fn cancelled(&self) -> bool {
        self.control.is_cancelled()
    }
}

impl SlotSnapshots {
    /// # Errors
    /// When the store cannot be opened, for example because another process uses it.
    pub fn open(config: SnapshotsConfig) -> Result<Self, Error> {
        let store = Arc::new(Store::open(&config.directory, Options::default())?);
        Ok(Self { store, config })
    }

    /// For writing a snapshot into a slot.
    #[must_use]
    pub fn store(&self) -> Arc<Store> {
        Arc::clone(&self.store)
    }

    /// With the content that the snapshot is going to have.
    fn request(&self, order: &NewSnapshot) -> Result<(Request, Bundle), StepError> {
        let places = self.config.places.get(order.slot);
        let mut content = order.content.clone();
        let mut images = Vec::new();
        for image in &mut content.images {
            let place = places.get(&image.class).ok_or_else(|| {
                let message = format!("Slot {} has no place for {}.", order.slot, image.class);
                StepError::failed(FailureCode::RecoveryFailed, message, "no place is configured")
            })?;
            if self.config.writable {
                image.size = length(place)?;
                image.sha256.clear();
            }
            images.push(ImageSource { name: image.class.clone(), path: place.clone(), length: image.size });
        }
        let NewSnapshot { id, name, description, at, slot, settings, .. } = order.clone();
        let settings = serde_json::to_value(settings).unwrap_or_default();
        let facts = Facts { name, description, at, slot, content: content.clone(), settings };
        let metadata = match serde_json::to_value(facts) {
            Ok(Value::Object(metadata)) => metadata,
            _ => Map::new(),
        };
        let keep_free = self.config.keep_free;
        Ok((Request { id: id.to_string(), metadata, images, keep_free }, content))
    }

    fn create_blocking(&self, request: &Request, control: &Control) -> Result<(), StepError> {
        let progress = Reported { control, done: AtomicU64::new(0) };
        match self.store.create(request, &progress) {
            Err(Error::Exists(id)) if is_the_same(&self.store, request)? => {
                tracing::info!(id, "the snapshot was complete before that could be noted");
                control
                    .add(request.images.iter().fold(0, |sum: u64, image| sum.saturating_add(image.length)));
                Ok(())
            }
            created => created.map(drop).map_err(|error| failed(&error)),
        }
    }

    fn facts(entry: Entry) -> (u64, SnapshotFacts) {
        match entry {
            Entry::Whole(summary) => (summary.sequence, of_summary(summary)),
            Entry::Damaged { id, error } => (0, nothing_known(id, causes(&error))),
        }
    }

    /// What the snapshot would restore, with the hash of each image over what was really read.
    fn verify_all(&self, id: &str, content: Bundle, control: &Control) -> Result<Bundle, StepError> {
        let mut images = Vec::new();
        for image in &content.images {
            let mut hash = Sha256::new();
            self.store
                .read_image(id, &image.class, &|| control.is_cancelled(), |part| {
                    hash.update(part);
                    control.add(part.len() as u64);
                    Ok::<_, Error>(())
                })
                .map_err(|error| failed(&error))?;
            let found = hex::encode(hash.finalize());
            if !image.sha256.is_empty() && image.sha256 != found {
                let message = "The snapshot was taken of a slot that no longer held what was installed. It is not restored.";
                let detail = format!("{id}, {}: SHA-256 {found}, installed {}", image.class, image.sha256);
                return Err(StepError::failed(FailureCode::RecoveryFailed, message, detail));
            }
            images.push(ImageFacts { sha256: found, ..image.clone() });
        }
        Ok(Bundle { images, ..content })
    }
}

#[async_trait]
impl Snapshots for SlotSnapshots {
    async fn create(
        &self,
        order: &NewSnapshot,
        meter: &Meter,
        cancel: &CancellationToken,
    ) -> Result<(), StepError> {
        let (request, content) = self.request(order)?;
        let this = self.clone();
        metered(content.image_bytes().saturating_mul(2), meter, cancel, move |control| {
            this.create_blocking(&request, control)?;
            let proven = this.verify_all(&request.id, content, control);
            if proven.is_err() {
                this.store.remove(&request.id).map_err(|error| failed(&error))?;
            }
            proven.map(drop)
        })
        .await
    }

    async fn check_room(&self, content: &Bundle, others: u64) -> Result<(), StepError> {
        let same = |kept: &SnapshotFacts| kept.damaged.is_none() && kept.content.images == content.images;
        let own = if self.list().await?.iter().any(same) { 0 } else { content.image_bytes() };
        let needed = own.saturating_add(others).saturating_add(self.config.keep_free);
        let directory = self.config.directory.clone();
        let free = blocking(move || {
            free_bytes(&directory).map_err(|source| Error::Io { action: "ask for the free space", source })
        });
        let free = free.await?;
        if free >= needed {
            return Ok(());
        }
        let message = "There is not enough room for the snapshot that has to be taken first. Delete older snapshots, then try again.";
        let detail = format!("{free} bytes are free, {needed} may be needed");
        Err(StepError::failed(FailureCode::InsufficientSpace, message, detail))
    }

    async fn list(&self) -> Result<Vec<SnapshotFacts>, StepError> {
        let store = self.store();
        let entries = blocking(move || store.list()).await?;
        let mut facts: Vec<_> = entries.into_iter().map(Self::facts).collect();
        facts.sort_by_key(|(sequence, _)| std::cmp::Reverse(*sequence));
        Ok(facts.into_iter().map(|(_, facts)| facts).collect())
    }

    async fn verify(&self, id: &str, meter: &Meter, cancel: &CancellationToken) -> Result<Bundle, StepError> {
        let found = self.list().await?.into_iter().find(|snapshot| snapshot.id == id);
        let found = found.ok_or_else(|| failed(&Error::NotFound(id.to_owned())))?;
        if let Some(damage) = found.damaged {
            return Err(StepError::failed(FailureCode::RecoveryFailed, DAMAGED, damage));
        }
        let (this, content) = (self.clone(), found.content);
        let id = id.to_owned();
        let total = content.image_bytes();
        metered(total, meter, cancel, move |control| this.verify_all(&id, content, control)).await
    }

    async fn remove(&self, id: &str) -> Result<bool, StepError> {
        let (store, id) = (self.store(), id.to_owned());
        blocking(move || match store.remove(&id) {
            Err(Error::NotFound(_) | Error::Invalid(_)) => Ok(false),
            removed => removed.map(|()| true),
        })
        .await
    }

    async fn retain(&self, protected: &[String]) -> Result<Vec<String>, StepError> {
        let (store, protected) = (self.store(), protected.to_owned());
        let limits = Retention { max_count: self.config.count, max_bytes: self.config.bytes };
        let retained = blocking(move || {
            let protected: Vec<&str> = protected.iter().map(String::as_str).collect();
            store.retain(limits, &protected)
        });
        Ok(retained.await?.removed)
    }
}

/// Whether the snapshot with the id of `request` is the one that it asks for.
fn is_the_same(store: &Store, request: &Request) -> Result<bool, StepError> {
    let entries = store.list().map_err(|error| failed(&error))?;
    let wanted = serde_json::from_value::<Facts>(Value::Object(request.metadata.clone())).ok();
    let found = entries.into_iter().find_map(|entry| match entry {
        Entry::Whole(summary) if summary.id == request.id => {
            serde_json::from_value(Value::Object(summary.metadata)).ok()
        }
        _ => None,
    });
    Ok(wanted.zip(found).is_some_and(|(wanted, found): (Facts, Facts)| {
        // The time is another one after a restart, and so may the settings be.
        (wanted.name, wanted.description, wanted.slot, wanted.content)
            == (found.name, found.description, found.slot, found.content)
    }))
}

const DAMAGED: &str = "The snapshot is damaged and cannot be restored. Use another one.";

fn of_summary(summary: Summary) -> SnapshotFacts {
    match serde_json::from_value(Value::Object(summary.metadata)) {
        Ok(Facts { name, description, at, slot, content, settings }) => SnapshotFacts {
            id: summary.id,
            name,
            description,
            at,
            slot,
            content,
            settings: serde_json::from_value(settings).unwrap_or_default(),
            own_bytes: summary.own_bytes,
            damaged: None,
        },
        Err(error) => nothing_known(summary.id, error.to_string()),
    }
}

fn nothing_known(id: String, damage: String) -> SnapshotFacts {
    let content = Bundle {
        version: "unknown".to_owned(),
        compatible: String::new(),
        kernel: None,
        signer: String::new(),
        images: Vec::new(),
    };
    SnapshotFacts {
        name: id.clone(),
        id,
        description: String::new(),
        at: Timestamp::UNIX_EPOCH,
        slot: SlotId::A,
        content,
        settings: Settings::default(),
        own_bytes: 0,
        damaged: Some(damage),
    }
}

pub(crate) fn failed(error: &Error) -> StepError {
    let recovery = |message: &str| StepError::failed(FailureCode::RecoveryFailed, message, causes(error));
    match error {
        Error::Cancelled => StepError::Cancelled,
        Error::NoSpace => StepError::failed(
            FailureCode::InsufficientSpace,
            "There is not enough room for the snapshot. Delete older snapshots, then try again.",
            causes(error),
        ),
        Error::Damaged { .. } => recovery(DAMAGED),
        Error::NotFound(_) | Error::NoImage { .. } => recovery("The snapshot is not there any more."),
        Error::Exists(_) => recovery("Another snapshot has this id. Take a new one."),
        Error::Source { .. } => recovery("The slot could not be read for the snapshot."),
        _ => recovery("The snapshots of this gateway cannot be used. Check its disk."),
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, StepError> {
    match spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| failed(&error)),
        Err(error) => Err(StepError::failed(
            FailureCode::RecoveryFailed,
            "The snapshots of this gateway cannot be used. Try again.",
            error,
        )),
    }
}
