//! All copies as they were read, and the choice between them.

use crate::device::Area;
use crate::error::Error;
use crate::image::{Image, Layout};
use crate::scheme::FlagScheme;

/// The copies in the order of the configuration; an unreadable one is its error.
#[derive(Debug)]
pub(crate) struct Copies {
    copies: Vec<Result<Image, Error>>,
    active: Option<usize>,
}

impl Copies {
    /// Reads every copy. One that cannot be opened or read counts as invalid, as it does for U-Boot.
    pub(crate) fn read<A: Area>(
        areas: impl IntoIterator<Item = Result<A, Error>>,
        layout: Layout,
        scheme: FlagScheme,
    ) -> Self {
        let read = |area: Result<A, Error>| {
            let area = area?;
            let mut bytes = vec![0; layout.size];
            area.read(&mut bytes).map_err(Error::io("read", area.path()))?;
            Ok(layout.decode(&bytes))
        };
        let copies: Vec<_> = areas.into_iter().map(read).collect();
        let flag = |index| match copies.get(index) {
            Some(Ok(Image { valid: true, flag, .. })) => Some(*flag),
            _ => None,
        };
        let active = match (flag(0), flag(1)) {
            (Some(first), Some(second)) => Some(scheme.newest(first, second)),
            (Some(_), None) => Some(0),
            (None, Some(_)) => Some(1),
            (None, None) => None,
        };
        Self { copies, active }
    }

    /// Index of the copy in use.
    pub(crate) fn active(&self) -> Option<usize> {
        self.active
    }

    /// The copy in use and its index. Where there is none: why a copy could not be read, else [`Error::NoValidCopy`].
    pub(crate) fn into_active(self) -> Result<(usize, Image), Error> {
        let mut unreadable = None;
        for (index, copy) in self.copies.into_iter().enumerate() {
            match copy {
                Ok(image) if self.active == Some(index) => return Ok((index, image)),
                Ok(_) => {}
                Err(error) => unreadable = unreadable.or(Some(error)),
            }
        }
        Err(unreadable.unwrap_or(Error::NoValidCopy))
    }

    pub(crate) fn into_iter(self) -> impl Iterator<Item = Result<Image, Error>> {
        self.copies.into_iter()
    }
}
