//! Uploads that come in parts, and outlive a lost connection and the end of the service.

use super::ledger::{Ledger, Share};
use super::part::{self, About, Place};
use super::{QUEUE, UploadDirectory, append, disk};
use crate::facts::FactsDirectory;
use async_trait::async_trait;
use futures::StreamExt;
use jiff::{SignedDuration, Timestamp};
use ota_engine::ports::{
    Body, NewUpload, ReceivedFile, ResumableUploads, ResumeFault, StepError, UnfinishedUpload, UploadId,
};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedMutexGuard, mpsc};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

/// Uploads that may wait for their rest.
const MOST: usize = 8;
/// Bytes that are hashed at once.
const HASHED: usize = 1 << 20;
/// Time that a writer who was stopped has to bring to the disk what has come. With a disk that takes longer, the next part waits.
const SETTLING: Duration = Duration::from_secs(5);

/// All of them, by name.
#[derive(Debug, Clone, Default)]
pub(super) struct Registry(Arc<Mutex<BTreeMap<UploadId, Arc<Entry>>>>);

/// One of them.
#[derive(Debug)]
pub(super) struct Entry {
    id: UploadId,
    place: Place,
    /// As it is on the disk.
    about: Mutex<About>,
    turn: Arc<tokio::sync::Mutex<Share>>,
    /// Locked while `gone` is decided, so that a verification or the end of it comes first.
    used: Mutex<Use>,
    /// It is not wanted any more.
    gone: CancellationToken,
}

/// What is done with an upload.
#[derive(Debug, Default)]
enum Use {
    #[default]
    Nothing,
    /// Somebody writes to it, or did so last. They stop when this is cancelled.
    Written(CancellationToken),
    /// It is being verified, and nobody gives it up.
    Verified,
}

/// The right to look at the whole file.
struct Look {
    entry: Arc<Entry>,
    _turn: Turn,
}

impl Drop for Look {
    fn drop(&mut self) {
        *self.entry.used() = Use::Nothing;
    }
}

/// The room that one upload was promised. Who holds it may touch the file.
pub(super) type Turn = OwnedMutexGuard<Share>;

impl Registry {
    /// Those that the service knew before it started, with the room that they were promised.
    pub(super) fn open(directory: &FactsDirectory, ledger: &Ledger) -> io::Result<Self> {
        let found = part::find(directory)?.into_iter().map(|(id, about)| {
            let share = ledger.renew(about.length, about.offset);
            (id, Arc::new(Entry::new(Place::new(directory, id), id, about, share)))
        });
        Ok(Self(Arc::new(Mutex::new(found.collect()))))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<UploadId, Arc<Entry>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, id: UploadId) -> Result<Arc<Entry>, ResumeFault> {
        let found = self.lock().get(&id).map(Arc::clone);
        found.filter(|entry| !entry.gone.is_cancelled()).ok_or(ResumeFault::Unknown)
    }
}

impl Entry {
    fn new(place: Place, id: UploadId, about: About, share: Share) -> Self {
        let turn = Arc::new(tokio::sync::Mutex::new(share));
        let (used, gone) = (Mutex::default(), CancellationToken::new());
        Self { id, place, about: Mutex::new(about), turn, used, gone }
    }

    pub(super) const fn place(&self) -> &Place {
        &self.place
    }

    fn about(&self) -> MutexGuard<'_, About> {
        self.about.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn offset(&self) -> u64 {
        self.about().offset
    }

    /// Vouches for that many bytes more, which are on the disk.
    pub(super) fn grow(&self, bytes: u64) -> io::Result<()> {
        let mut about = self.about().clone();
        about.offset = about.offset.saturating_add(bytes);
        about.touched = Timestamp::now();
        self.place.save(&about)?;
        *self.about() = about;
        Ok(())
    }

    fn used(&self) -> MutexGuard<'_, Use> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whoever writes to it stops.
    fn give_up(&self) -> Result<(), ResumeFault> {
        let used = self.used();
        if matches!(*used, Use::Verified) {
            return Err(ResumeFault::Busy);
        }
        self.gone.cancel();
        Ok(())
    }

    /// Whoever writes to it stops, and what has come of them is soon on the disk. False where nobody has written.
    fn break_off(&self) -> bool {
        match &*self.used() {
            Use::Written(until) => {
                until.cancel();
                true
            }
            Use::Nothing | Use::Verified => false,
        }
    }

    fn look(self: Arc<Self>, turn: Turn) -> Result<Look, ResumeFault> {
        let mut used = self.used();
        if self.gone.is_cancelled() {
            return Err(ResumeFault::Unknown);
        }
        *used = Use::Verified;
        drop(used);
        Ok(Look { entry: self, _turn: turn })
    }

    /// The right to touch the file, where nobody has it.
    fn turn(&self) -> Result<Turn, ResumeFault> {
        let turn = Arc::clone(&self.turn).try_lock_owned().map_err(|_| ResumeFault::Busy)?;
        if self.gone.is_cancelled() { Err(ResumeFault::Unknown) } else { Ok(turn) }
    }

    fn view(&self, keep: Duration) -> UnfinishedUpload {
        let About { name, label, length, offset, touched } = self.about().clone();
        let until = SignedDuration::try_from(keep).ok().and_then(|keep| touched.checked_add(keep).ok());
        let expires_at = until.unwrap_or(Timestamp::MAX);
        UnfinishedUpload { id: self.id, name, label, length, offset, expires_at }
    }
}

impl UploadDirectory {
    fn begin_now(&self, new: NewUpload) -> Result<UnfinishedUpload, ResumeFault> {
        let mut all = self.unfinished.lock();
        if all.len() >= MOST {
            return Err(ResumeFault::TooMany(all.len()));
        }
        let share = self.promise(Some(new.length))?;
        let id = UploadId::new(rand::random());
        let NewUpload { length, name, label } = new;
        let about = About { name, label, length, offset: 0, touched: Timestamp::now() };
        let place = Place::new(&self.directory, id);
        place.save(&about).map_err(|error| disk(&error))?;
        let entry = Arc::new(Entry::new(place, id, about, share));
        let view = entry.view(self.config.keep_unfinished);
        all.insert(id, entry);
        Ok(view)
    }

    /// Removes it from the disk first, so that what cannot be removed is still known.
    fn discard_now(&self, entry: &Entry, turn: Turn) -> io::Result<()> {
        if !self.unfinished.lock().contains_key(&entry.id) {
            // Somebody else has meanwhile.
            return Ok(());
        }
        entry.gone.cancel();
        entry.place.discard()?;
        self.unfinished.lock().remove(&entry.id);
        drop(turn);
        Ok(())
    }
}

#[async_trait]
impl ResumableUploads for UploadDirectory {
    async fn begin(&self, new: NewUpload) -> Result<UnfinishedUpload, ResumeFault> {
        let this = self.clone();
        in_thread(move || this.begin_now(new)).await?
    }

    fn unfinished(&self) -> Vec<UnfinishedUpload> {
        let all = self.unfinished.lock();
        let there = all.values().filter(|entry| !entry.gone.is_cancelled());
        there.map(|entry| entry.view(self.config.keep_unfinished)).collect()
    }

    fn find(&self, id: UploadId) -> Result<UnfinishedUpload, ResumeFault> {
        Ok(self.unfinished.get(id)?.view(self.config.keep_unfinished))
    }

    async fn settle(&self, id: UploadId) -> Result<UnfinishedUpload, ResumeFault> {
        let entry = self.unfinished.get(id)?;
        if entry.break_off() {
            _ = tokio::time::timeout(SETTLING, entry.turn.lock()).await;
        }
        self.find(id)
    }

    async fn append(
        &self,
        id: UploadId,
        offset: u64,
        length: Option<u64>,
        body: Body,
    ) -> Result<UnfinishedUpload, ResumeFault> {
        let entry = self.unfinished.get(id)?;
        let turn = entry.turn()?;
        let About { length: whole, offset: end, .. } = entry.about().clone();
        if offset != end {
            return Err(ResumeFault::Offset { offset: end, length: whole });
        }
        let missing = whole.saturating_sub(end);
        if length.is_some_and(|length| length > missing) {
            return Err(ResumeFault::BeyondItsEnd(whole));
        }
        let over = CancellationToken::new();
        *entry.used() = Use::Written(over.clone());
        let (pieces, given) = mpsc::channel(QUEUE);
        let (this, written_to) = (self.clone(), Arc::clone(&entry));
        let writer = spawn_blocking(move || append::write(&this, &written_to, turn, given));
        let passed = pass_on(&entry, &over, missing, body, pieces).await;
        let written = writer.await.unwrap_or_else(|error| Err(io::Error::other(error)));
        written.map_err(|error| disk(&error))?;
        passed.map(|()| entry.view(self.config.keep_unfinished))
    }

    async fn complete(&self, id: UploadId, cancel: &CancellationToken) -> Result<ReceivedFile, ResumeFault> {
        let entry = self.unfinished.get(id)?;
        let turn = entry.turn()?;
        let About { length, offset, .. } = entry.about().clone();
        if offset < length {
            return Err(ResumeFault::Offset { offset, length });
        }
        let look = Arc::clone(&entry).look(turn)?;
        let (path, cancel) = (entry.place.bytes(), cancel.clone());
        let hashed = in_thread(move || hash(&path, length, &cancel).map(|sha256| (path, sha256))).await?;
        let (path, sha256) = hashed?;
        Ok(ReceivedFile { path, size: length, sha256, hold: Box::new(look) })
    }

    async fn discard(&self, id: UploadId) -> Result<(), ResumeFault> {
        // Also one that is given up and not gone yet: who asks again hears of its end.
        let entry = self.unfinished.lock().get(&id).map(Arc::clone).ok_or(ResumeFault::Unknown)?;
        entry.give_up()?;
        let turn = Arc::clone(&entry.turn).lock_owned().await;
        let this = self.clone();
        in_thread(move || this.discard_now(&entry, turn)).await?.map_err(|error| disk(&error).into())
    }

    async fn expire_unfinished(&self, now: Timestamp) -> Result<bool, StepError> {
        let keep = self.config.keep_unfinished;
        let over = |entry: &&Arc<Entry>| entry.gone.is_cancelled() || entry.view(keep).expires_at <= now;
        let over: Vec<_> = self.unfinished.lock().values().filter(over).map(Arc::clone).collect();
        let mut removed = false;
        for entry in over {
            // One that is in use is not left alone.
            let Ok(turn) = Arc::clone(&entry.turn).try_lock_owned() else { continue };
            let this = self.clone();
            in_thread(move || this.discard_now(&entry, turn)).await?.map_err(|error| disk(&error))?;
            removed = true;
        }
        Ok(removed)
    }
}

/// Hands over what comes until it is `over`, but nothing beyond the `missing` bytes.
async fn pass_on(
    entry: &Entry,
    over: &CancellationToken,
    mut missing: u64,
    mut body: Body,
    pieces: mpsc::Sender<bytes::Bytes>,
) -> Result<(), ResumeFault> {
    loop {
        let piece = tokio::select! {
            biased;
            () = entry.gone.cancelled() => return Err(ResumeFault::Unknown),
            () = over.cancelled() => return Err(ResumeFault::Busy),
            piece = body.next() => piece,
        };
        let Some(piece) = piece.transpose()? else { return Ok(()) };
        missing = missing
            .checked_sub(piece.len() as u64)
            .ok_or_else(|| ResumeFault::BeyondItsEnd(entry.about().length))?;
        if pieces.send(piece).await.is_err() {
            // The thread has failed and says why.
            return Ok(());
        }
    }
}

/// SHA-256 of what the disk holds: the state of a hash that is made on the way does not outlive the service.
fn hash(path: &Path, length: u64, cancel: &CancellationToken) -> Result<String, StepError> {
    let failed = |error: io::Error| disk(&error);
    let mut file = File::open(path).map_err(failed)?.take(length);
    let (mut hash, mut buffer, mut done) = (Sha256::new(), vec![0; HASHED], 0);
    while done < length {
        if cancel.is_cancelled() {
            return Err(StepError::Cancelled);
        }
        let count = file.read(&mut buffer).map_err(failed)?;
        let bytes = buffer.get(..count).filter(|bytes| !bytes.is_empty());
        hash.update(bytes.ok_or(io::ErrorKind::UnexpectedEof.into()).map_err(failed)?);
        done += count as u64;
    }
    Ok(hex::encode(hash.finalize()))
}

async fn in_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, StepError> {
    spawn_blocking(work).await.map_err(|error| disk(&io::Error::other(error)))
}
