//! The order of writes that a power cut may interrupt anywhere.

use crate::device::Area;
use crate::error::Error;
use crate::image::FLAG_OFFSET;
use crate::scheme::{FlagScheme, OBSOLETE};

/// What one commit does to the copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Index of the copy to write.
    pub(crate) target: usize,
    /// Its flag.
    pub(crate) flag: u8,
    /// Index of the copy to mark as superseded once the target is durable.
    pub(crate) superseded: Option<usize>,
}

impl Plan {
    /// After copy `active` with flag `flag`: the other one is written. A single copy is overwritten in place.
    pub(crate) fn new(redundant: bool, scheme: FlagScheme, active: usize, flag: u8) -> Self {
        if !redundant {
            return Self { target: active, flag, superseded: None };
        }
        Self {
            target: usize::from(active == 0),
            flag: scheme.successor(flag),
            superseded: (scheme == FlagScheme::Boolean).then_some(active),
        }
    }
}

/// Writes a whole copy, makes it durable, reads it back and compares.
pub(crate) fn write_copy(area: &mut impl Area, copy: &[u8]) -> Result<(), Error> {
    write_durably(area, 0, copy)?;
    let mut stored = vec![0; copy.len()];
    area.read(&mut stored).map_err(Error::io("read back", area.path()))?;
    match stored.iter().zip(copy).position(|(stored, written)| stored != written) {
        Some(offset) => Err(Error::ReadBack { path: area.path().to_owned(), offset }),
        None => Ok(()),
    }
}

/// Clears the flag byte, and touches nothing else, of a copy that another one has superseded.
pub(crate) fn mark_superseded(area: &mut impl Area) -> Result<(), Error> {
    write_durably(area, FLAG_OFFSET, &[OBSOLETE])?;
    let mut header = [0; FLAG_OFFSET + 1];
    area.read(&mut header).map_err(Error::io("read back", area.path()))?;
    match header.last() {
        Some(&OBSOLETE) => Ok(()),
        _ => Err(Error::ReadBack { path: area.path().to_owned(), offset: FLAG_OFFSET }),
    }
}

fn write_durably(area: &mut impl Area, offset: usize, bytes: &[u8]) -> Result<(), Error> {
    if let Err(source) = area.write(offset, bytes) {
        // What part of it arrived shall not linger in a cache as if it were stored.
        let _ = area.sync();
        return Err(Error::io("write", area.path())(source));
    }
    area.sync().map_err(Error::io("sync", area.path()))
}
