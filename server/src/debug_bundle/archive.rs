//! The archive: `ID/NAME` for each entry, as `.tar.gz`.

use flate2::{Compression, write::GzEncoder};
use jiff::Timestamp;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::Path;
use tar::{Builder, Header};
use tokio_util::sync::CancellationToken;

/// Bytes that are compressed to learn how well they compress.
const SAMPLE: usize = 256 << 10;
/// What a header and the filling of an entry take.
const FRAME: u64 = 1024;

/// One file of a bundle.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: &'static str,
    pub(super) content: Content,
}

#[derive(Debug)]
pub(super) enum Content {
    Text(String),
    /// What is too long for memory.
    File(File),
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
) -> io::Result<()> {
    let file = File::create(path)?;
    let mut archive = Builder::new(GzEncoder::new(file, Compression::default()));
    for Entry { name, content } in entries {
        if cancel.is_cancelled() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let (size, reader): (u64, Box<dyn Read>) = match content {
            Content::Text(text) => (text.len() as u64, Box::new(io::Cursor::new(text))),
            Content::File(mut file) => {
                let size = file.seek(io::SeekFrom::End(0))?;
                file.rewind()?;
                (size, Box::new(file))
            }
        };
        let mut header = Header::new_gnu();
        header.set_size(size);
        header.set_mode(0o640);
        header.set_mtime(u64::try_from(at.as_second()).unwrap_or_default());
        archive.append_data(&mut header, format!("{id}/{name}"), reader)?;
    }
    archive.into_inner()?.finish()?.sync_all()
}

/// Bytes of an archive of `entries`, with `more` bytes of the same kind: what their beginning becomes, for all of them.
pub(super) fn estimate(entries: &[Entry], more: u64) -> io::Result<u64> {
    let texts = || {
        entries.iter().filter_map(|entry| match &entry.content {
            Content::Text(text) => Some(text.as_bytes()),
            Content::File(_) => None,
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
