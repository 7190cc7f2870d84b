//! Which of two valid copies is in use, and what a commit writes into the flag bytes.

/// Flag byte of the copy in use, in the boolean scheme.
pub(crate) const ACTIVE: u8 = 1;
/// Flag byte of a superseded copy, in the boolean scheme.
pub(crate) const OBSOLETE: u8 = 0;
/// Flag byte of erased flash, whose image was written without a flag.
const ERASED: u8 = 0xff;

/// Meaning of the flag byte that each of two copies carries. U-Boot's build decides it, by the kind of storage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FlagScheme {
    /// A counter that every commit increments, 255 followed by 0: files, eMMC and other block devices.
    #[default]
    Counter,
    /// 1 marks the copy in use and 0 a superseded one: NOR flash, where a bit can be cleared without an erase.
    Boolean,
}

impl FlagScheme {
    /// Index of the copy in use when both are valid. Where the flags do not tell, the first, as U-Boot decides.
    pub(crate) fn newest(self, first: u8, second: u8) -> usize {
        let second_is_newer = match (self, first, second) {
            (Self::Counter, u8::MAX, 0) => true,
            (Self::Counter, 0, u8::MAX) => false,
            (Self::Counter, _, _) => second > first,
            (Self::Boolean, ACTIVE, OBSOLETE) => false,
            (Self::Boolean, OBSOLETE, ACTIVE) => true,
            (Self::Boolean, ERASED, _) => false,
            (Self::Boolean, _, second) => second == ERASED,
        };
        usize::from(second_is_newer)
    }

    /// Flag of the copy that supersedes one with flag `active`.
    pub(crate) fn successor(self, active: u8) -> u8 {
        match self {
            Self::Counter => active.wrapping_add(1),
            Self::Boolean => ACTIVE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::FlagScheme::{Boolean, Counter};

    #[test]
    fn counter_is_the_greater_one_with_one_wrap() {
        for (first, second, newest) in
            [(1, 1, 0), (1, 2, 1), (2, 1, 0), (255, 0, 1), (0, 255, 0), (254, 255, 1), (1, 255, 1), (0, 0, 0)]
        {
            assert_eq!(Counter.newest(first, second), newest, "{first} {second}");
        }
    }

    #[test]
    fn every_commit_makes_the_written_copy_the_newest() {
        for flag in 0..=255 {
            let next = Counter.successor(flag);
            assert_eq!(Counter.newest(flag, next), 1, "{flag} {next}");
            assert_eq!(Counter.newest(next, flag), 0, "{next} {flag}");
        }
    }

    #[test]
    fn boolean_follows_the_flash_driver_of_uboot() {
        for (first, second, newest) in
            [(1, 0, 0), (0, 1, 1), (1, 1, 0), (0, 0, 0), (255, 255, 0), (255, 1, 0), (1, 255, 1), (0, 255, 1)]
        {
            assert_eq!(Boolean.newest(first, second), newest, "{first} {second}");
        }
    }
}
