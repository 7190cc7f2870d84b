//! One copy as it stands on the device: header, data area, padding.

use crate::environment::Environment;
use crate::error::Error;

const CRC_LEN: usize = 4;
/// Offset of the flag byte in a copy of a redundant environment.
pub(crate) const FLAG_OFFSET: usize = CRC_LEN;
/// Fills the data area behind the entries: the erased state of flash, and `mkenvimage`'s default.
const PADDING: u8 = 0xff;

/// Size and form of every copy of one environment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    /// Bytes of a copy, header included.
    pub(crate) size: usize,
    /// Whether a flag byte follows the CRC.
    pub(crate) redundant: bool,
}

/// A copy that was read, whatever its worth.
#[derive(Debug)]
pub(crate) struct Image {
    /// Whether the header's CRC is that of the data area.
    pub(crate) valid: bool,
    /// The flag byte; 0 for a single copy.
    pub(crate) flag: u8,
    /// The data area.
    pub(crate) data: Vec<u8>,
}

impl Layout {
    /// Bytes in front of the data area.
    pub(crate) fn header_len(self) -> usize {
        CRC_LEN + usize::from(self.redundant)
    }

    /// Takes a copy apart. One that is too short for a header is not valid.
    pub(crate) fn decode(self, copy: &[u8]) -> Image {
        let (Some((crc, rest)), Some(data)) =
            (copy.split_first_chunk::<CRC_LEN>(), copy.get(self.header_len()..))
        else {
            return Image { valid: false, flag: 0, data: Vec::new() };
        };
        let flag = if self.redundant { rest.first().copied().unwrap_or_default() } else { 0 };
        Image { valid: u32::from_le_bytes(*crc) == crc32fast::hash(data), flag, data: data.to_vec() }
    }

    /// Makes a whole copy. `flag` is left out of a single one.
    pub(crate) fn encode(self, environment: &Environment, flag: u8) -> Result<Vec<u8>, Error> {
        let available = self.size.saturating_sub(self.header_len());
        let needed = environment.encoded_len();
        if needed > available {
            return Err(Error::TooLarge { needed, available });
        }
        let mut data = environment.to_bytes();
        data.resize(available, PADDING);
        let mut copy = Vec::with_capacity(self.size);
        copy.extend_from_slice(&crc32fast::hash(&data).to_le_bytes());
        if self.redundant {
            copy.push(flag);
        }
        copy.append(&mut data);
        Ok(copy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(value_len: usize) -> Environment {
        let mut environment = Environment::new();
        environment.set("a", "x".repeat(value_len)).unwrap();
        environment
    }

    #[test]
    fn the_last_byte_of_the_area_can_be_used_and_not_one_more() {
        for (redundant, room) in [(false, 60), (true, 59)] {
            let layout = Layout { size: 64, redundant };
            let copy = layout.encode(&environment(room - 4), 7).unwrap();
            assert_eq!(copy.len(), 64);
            let image = layout.decode(&copy);
            assert!(image.valid);
            assert_eq!(image.flag, if redundant { 7 } else { 0 });
            assert_eq!(Environment::parse(&image.data), environment(room - 4));
            let refused = layout.encode(&environment(room - 3), 7);
            assert!(matches!(refused, Err(Error::TooLarge { needed, available })
                if needed == room + 1 && available == room));
        }
    }

    #[test]
    fn every_flipped_bit_but_those_of_the_flag_makes_the_copy_invalid() {
        let layout = Layout { size: 64, redundant: true };
        let copy = layout.encode(&environment(9), 3).unwrap();
        for bit in 0..copy.len() * 8 {
            let mut damaged = copy.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(layout.decode(&damaged).valid, bit / 8 == FLAG_OFFSET, "bit {bit}");
        }
    }

    #[test]
    fn what_is_shorter_than_a_header_is_not_valid() {
        for len in 0..5 {
            assert!(!Layout { size: 64, redundant: true }.decode(&vec![0; len]).valid);
        }
    }
}
