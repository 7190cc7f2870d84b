//! Reading what the hash tree confirms of the payload.

use std::io::{self, BufRead, Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};

use crate::container::BLOCK;
use crate::payload::Aligned;
use crate::verity::Checker;
use crate::{Error, ErrorKind, Malformed};

/// Reads bytes of the payload that the signed hash tree confirms, and no others: every block that it touches is compared.
pub(crate) struct Source {
    checker: Checker,
    /// Blocks around what was asked for.
    blocks: Aligned,
}

impl Clone for Source {
    fn clone(&self) -> Self {
        Self::new(self.checker.clone())
    }
}

impl Source {
    pub(crate) fn new(checker: Checker) -> Self {
        Self { checker, blocks: Aligned::default() }
    }

    /// The `len` bytes from `offset` on.
    pub(crate) fn read(&mut self, offset: u64, len: usize) -> Result<&[u8], Error> {
        let beyond = || Error::squashfs("it points beyond its end");
        let end = offset.checked_add(len as u64).filter(|end| *end <= self.checker.data());
        let first = offset / BLOCK as u64;
        let start = first * BLOCK as u64;
        let span = end.ok_or_else(beyond)?.next_multiple_of(BLOCK as u64) - start;
        // Hardly more than was asked for.
        let blocks = self.blocks.first(usize::try_from(span).map_err(|_| beyond())?);
        self.checker.read(first, blocks)?;
        let skip = usize::try_from(offset - start).map_err(|_| beyond())?;
        blocks.get(skip..).and_then(|rest| rest.get(..len)).ok_or_else(beyond)
    }
}

/// The data of the payload as a stream whose every byte was compared with the signed tree before it is seen.
///
/// It lets a parser of third parties meet only what somebody trusted has signed.
pub(crate) struct CheckedStream {
    checker: Checker,
    fault: Fault,
    position: u64,
    block: Vec<u8>,
    held: Option<u64>,
}

impl CheckedStream {
    pub(crate) fn new(checker: Checker) -> Self {
        Self { checker, fault: Fault::default(), position: 0, block: vec![0; BLOCK], held: None }
    }

    /// Where the reason of a failed read is to be found afterwards.
    pub(crate) fn fault(&self) -> Fault {
        self.fault.clone()
    }

    fn load(&mut self, index: u64) -> io::Result<()> {
        self.held = None;
        if let Err(error) = self.checker.read(index, &mut self.block) {
            let kind = if error.kind() == ErrorKind::Malformed {
                io::ErrorKind::InvalidData
            } else {
                io::ErrorKind::Other
            };
            self.fault.set(error);
            return Err(kind.into());
        }
        self.held = Some(index);
        Ok(())
    }
}

/// The first failure of a [`CheckedStream`], kept because a parser in between may report only that it failed.
#[derive(Clone, Default)]
pub(crate) struct Fault(Arc<Mutex<Option<Error>>>);

impl Fault {
    fn set(&self, error: Error) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }

    pub(crate) fn take(&self) -> Option<Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl BufRead for CheckedStream {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.position >= self.checker.data() {
            return Ok(&[]);
        }
        let index = self.position / BLOCK as u64;
        if self.held != Some(index) {
            self.load(index)?;
        }
        let skip = usize::try_from(self.position % BLOCK as u64).unwrap_or_default();
        Ok(self.block.get(skip..).unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        self.position = self.position.saturating_add(amount as u64);
    }
}

impl Read for CheckedStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl Seek for CheckedStream {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(distance) => self.checker.data().checked_add_signed(distance),
            SeekFrom::Current(distance) => self.position.checked_add_signed(distance),
        };
        self.position =
            position.ok_or_else(|| Error::from(Malformed::Squashfs("it points before its start")))?;
        Ok(self.position)
    }
}
