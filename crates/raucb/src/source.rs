//! Reading what the hash tree confirms of the payload.

use crate::Error;
use crate::container::BLOCK;
use crate::payload::Aligned;
use crate::verity::Checker;

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
