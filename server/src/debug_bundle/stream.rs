//! What is too long for memory: read in pieces while the archive is written.

use super::redact::redacted;
use crate::service_log::ServiceLog;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use tokio::sync::mpsc;

/// Lines that are looked at together, where one of them begins a private key.
const LONGEST_KEY: usize = 200;

/// A reader of what another task sends. An error of that task is the reader's.
pub(super) struct Pieces {
    receiver: mpsc::Receiver<io::Result<Vec<u8>>>,
    piece: Cursor<Vec<u8>>,
}

impl Pieces {
    /// The reader, and where its pieces go.
    pub(super) fn channel() -> (mpsc::Sender<io::Result<Vec<u8>>>, Self) {
        let (sender, receiver) = mpsc::channel(2);
        (sender, Self { receiver, piece: Cursor::default() })
    }
}

impl Read for Pieces {
    /// Blocks until a piece comes; never called on a thread that serves others.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.piece.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            match self.receiver.blocking_recv() {
                Some(piece) => self.piece = Cursor::new(piece?),
                None => return Ok(0),
            }
        }
    }
}

/// The lines of a log without secrets.
pub(super) struct Redacted<R> {
    lines: BufReader<R>,
    shown: Cursor<Vec<u8>>,
}

impl<R: Read> Redacted<R> {
    pub(super) fn new(log: R) -> Self {
        Self { lines: BufReader::new(log), shown: Cursor::default() }
    }

    /// One line; all lines of a private key.
    fn next(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.lines.read_until(b'\n', &mut bytes)?;
        let mut count = 1;
        while is_within_key(&bytes) && count < LONGEST_KEY && self.lines.read_until(b'\n', &mut bytes)? > 0 {
            count += 1;
        }
        Ok(redacted(&String::from_utf8_lossy(&bytes)).into_bytes())
    }
}

fn is_within_key(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let begun = text.rfind("-----BEGIN ");
    begun.is_some_and(|begun| text.rfind("-----END ").is_none_or(|ended| ended < begun))
}

impl<R: Read> Read for Redacted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.shown.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            if self.lines.fill_buf()?.is_empty() {
                return Ok(0);
            }
            self.shown = Cursor::new(self.next()?);
        }
    }
}

/// The service's log as it is now, without secrets, and its length. It is read twice: an archive has to know the length beforehand.
pub(super) fn service_log(log: &ServiceLog) -> io::Result<(u64, Box<dyn Read + Send>)> {
    use std::io::Seek;
    let mut parts = log.written()?;
    let mut size = 0;
    for part in &mut parts {
        let length = part.limit();
        size += io::copy(&mut Redacted::new(&mut *part), &mut io::sink())?;
        part.get_mut().rewind()?;
        part.set_limit(length);
    }
    let whole = parts.into_iter().fold(Box::new(io::empty()) as Box<dyn Read + Send>, |before, part| {
        Box::new(before.chain(Redacted::new(part)))
    });
    Ok((size, whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let mut shown = String::new();
        Redacted::new(text.as_bytes()).read_to_string(&mut shown).unwrap();
        shown
    }

    #[test]
    fn lines_lose_their_secrets_and_keys_lose_all_of_their_lines() {
        let text = "one\nAuthorization: Bearer abc.def-123\n\n-----BEGIN EC PRIVATE KEY-----\nx\ny\n-----END EC PRIVATE KEY-----\nlast";
        assert_eq!(shown(text), "one\nAuthorization: [redacted] [redacted]\n\n[redacted]\nlast");
        assert_eq!(shown(""), "");
        let cut_off = format!("-----BEGIN PRIVATE KEY-----\n{}", "secret\n".repeat(LONGEST_KEY - 1));
        assert_eq!(shown(&cut_off), "[redacted]");
    }

    #[test]
    fn both_files_come_oldest_first_and_as_long_as_said() {
        let directory = tempfile::tempdir().unwrap();
        let log = ServiceLog::within(directory.path().to_owned(), 1000);
        let [newer, older] = log.files();
        std::fs::write(&older, "first pin=4711\n").unwrap();
        std::fs::write(&newer, "second\n").unwrap();
        let (size, mut reader) = service_log(&log).unwrap();
        std::fs::OpenOptions::new().append(true).open(&newer).unwrap().set_len(100).unwrap();
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "first pin=[redacted]\nsecond\n");
        assert_eq!(size, text.len() as u64);
    }
}
