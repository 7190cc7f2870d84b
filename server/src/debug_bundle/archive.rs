//! The archive: `ID/NAME` for each entry, as `.tar.gz`.

use flate2::{Compression, write::GzEncoder};
use jiff::Timestamp;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use tar::{Builder, Header};
use tokio_util::sync::CancellationToken;

/// Bytes that are compressed to learn how well they compress.
const SAMPLE: usize = 256 << 10;
/// Bytes that are written between two looks at the disk.
const LOOK: usize = 1 << 20;
/// What a header and the filling of an entry take.
const FRAME: u64 = 1024;

/// One file of a bundle.
pub(super) struct Entry {
    pub(super) name: &'static str,
    pub(super) content: Content,
}

pub(super) enum Content {
    Text(String),
    /// What is too long for memory, and how long it is.
    Stream(u64, Box<dyn Read + Send>),
}

impl Entry {
    pub(super) fn text(name: &'static str, text: String) -> Self {
        Self { name, content: Content::Text(text) }
    }
}

/// Writes the archive, which is on the disk afterwards.
pub(super) fn write(
    path: &Path,
    id: &str,
    at: Timestamp,
    entries: Vec<Entry>,
    cancel: &CancellationToken,
    room: &dyn Fn() -> io::Result<()>,
) -> io::Result<()> {
    let file = Watched { file: File::create(path)?, since: 0, cancel, room };
    let mut archive = Builder::new(GzEncoder::new(file, Compression::default()));
    for Entry { name, content } in entries {
        let (size, reader): (u64, Box<dyn Read + Send>) = match content {
            Content::Text(text) => (text.len() as u64, Box::new(io::Cursor::new(text))),
            Content::Stream(size, reader) => (size, reader),
        };
        let mut header = Header::new_gnu();
        header.set_size(size);
        header.set_mode(0o640);
        header.set_mtime(u64::try_from(at.as_second()).unwrap_or_default());
        let mut reader = Exactly { reader, left: size };
        archive.append_data(&mut header, format!("{id}/{name}"), &mut reader)?;
    }
    archive.into_inner()?.finish()?.file.sync_all()
}

/// A reader of as many bytes as were announced: everything after them would be read as something else.
struct Exactly<'a> {
    reader: Box<dyn Read + 'a>,
    left: u64,
}

impl Read for Exactly<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.reader.read(buffer.get_mut(..most).unwrap_or_default())?;
        if read == 0 && most > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= read as u64;
        Ok(read)
    }
}

/// The file, looked at from time to time: is there room for more, and does anybody still want it.
struct Watched<'a> {
    file: File,
    /// Bytes since it was looked at.
    since: usize,
    cancel: &'a CancellationToken,
    room: &'a dyn Fn() -> io::Result<()>,
}

impl Write for Watched<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.cancel.is_cancelled() {
            // No kind that a copy would try again.
            return Err(io::Error::other("cancelled"));
        }
        if self.since == 0 {
            (self.room)()?;
        }
        let written = self.file.write(bytes)?;
        self.since = if self.since + written < LOOK { self.since + written } else { 0 };
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Bytes of an archive of `entries`, with `more` bytes of the same kind: what their beginning becomes, for all of them.
pub(super) fn estimate(entries: &[Entry], more: u64) -> io::Result<u64> {
    let texts = || {
        entries.iter().filter_map(|entry| match &entry.content {
            Content::Text(text) => Some(text.as_bytes()),
            Content::Stream(..) => None,
        })
    };
    let total = texts().fold(more, |sum, text| sum + text.len() as u64 + FRAME);
    let mut left = SAMPLE;
    let mut sample = GzEncoder::new(Vec::new(), Compression::default());
    for text in texts() {
        let part = text.get(..left.min(text.len())).unwrap_or_default();
        sample.write_all(part)?;
        left -= part.len();
    }
    let (taken, packed) = ((SAMPLE - left) as u64, sample.finish()?.len() as u64);
    let scaled = u128::from(total) * u128::from(packed) / u128::from(taken.max(1));
    Ok(u64::try_from(scaled).unwrap_or(u64::MAX))
}
