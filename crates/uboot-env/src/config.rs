//! Where the environment lives: the syntax of `fw_env.config`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::image::Layout;
use crate::scheme::FlagScheme;

/// The lock file of `fw_printenv` and `fw_setenv`, of libubootenv as of U-Boot's own tools.
pub const DEFAULT_LOCK_FILE: &str = "/var/lock/fw_printenv.lock";

/// Guards against a mistyped size; real environments have a few KiB.
const MAX_SIZE: u64 = 16 << 20;

/// Places, lock and flag scheme of one environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// One place, or two for a redundant environment. All of one size.
    pub copies: Vec<Location>,
    /// Locked during every operation; created where it is missing.
    pub lock_file: PathBuf,
    /// Meaning of the flag bytes of two copies; without meaning for one.
    pub scheme: FlagScheme,
}

/// The place of one copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// A block device or a regular file.
    pub device: PathBuf,
    /// First byte of the copy; a negative one counts from the end of the device.
    pub offset: i64,
    /// Bytes of the copy, header included: U-Boot's `CONFIG_ENV_SIZE`.
    pub size: u64,
    /// Erase size of flash, in bytes, as configured. Files and block devices have none: it is read and not used.
    pub sector_size: Option<u64>,
    /// Sectors of the copy, as configured; read and not used.
    pub sectors: Option<u64>,
}

/// A column of `fw_env.config`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Second column: decimal, hexadecimal with `0x` or octal with `0`, with an optional sign.
    Offset,
    /// Third column: **always hexadecimal**, with or without `0x`, as `fw_printenv` reads it.
    Size,
    /// Fourth column: hexadecimal.
    SectorSize,
    /// Fifth column: hexadecimal.
    Sectors,
}

/// Why a configuration names no usable environment. Lines count from 1.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A line has fewer than the three columns that are needed.
    #[error("line {line}: expected a device, an offset and a size")]
    MissingField {
        /// The line.
        line: usize,
    },
    /// A line has more than five columns.
    #[error("line {line}: {text:?} after the last column")]
    ExtraField {
        /// The line.
        line: usize,
        /// The first column too many.
        text: String,
    },
    /// A column is not a number that fits it.
    #[error("line {line}: {text:?} is not {}", field.expectation())]
    Number {
        /// The line.
        line: usize,
        /// The column.
        field: Field,
        /// What stands there.
        text: String,
    },
    /// Neither one place nor two.
    #[error("an environment has one copy or two, not {found}")]
    CopyCount {
        /// Places that were configured.
        found: usize,
    },
    /// A copy has no room for a header and an empty list, or more than 16 MiB.
    #[error("a copy of {size} bytes is too small or too large for an environment")]
    Size {
        /// The configured size, in bytes.
        size: u64,
    },
    /// The two copies must have one size.
    #[error("the copies have {first} and {second} bytes, they must have the same size")]
    SizesDiffer {
        /// Size of the first, in bytes.
        first: u64,
        /// Size of the second, in bytes.
        second: u64,
    },
    /// The two copies share bytes of one device.
    #[error("the two copies overlap on {}", device.display())]
    Overlap {
        /// The device.
        device: PathBuf,
    },
}

impl Location {
    /// A place without flash geometry. `size` is the whole copy, header included.
    pub fn new(device: impl Into<PathBuf>, offset: i64, size: u64) -> Self {
        Self { device: device.into(), offset, size, sector_size: None, sectors: None }
    }

    /// Whether both share bytes, as far as names and offsets tell; [`Store`](crate::Store) looks at the devices too.
    fn overlaps(&self, other: &Self) -> bool {
        self.device == other.device
            && (self.offset < 0) == (other.offset < 0)
            && self.offset.abs_diff(other.offset) < self.size.max(other.size)
    }
}

impl Config {
    /// A configuration with the common lock file and the counter scheme.
    ///
    /// # Errors
    /// [`ConfigError`] where the copies are not one or two, of one usable size and apart from each other.
    pub fn new(copies: Vec<Location>) -> Result<Self, ConfigError> {
        let config =
            Self { copies, lock_file: PathBuf::from(DEFAULT_LOCK_FILE), scheme: FlagScheme::default() };
        config.layout()?;
        Ok(config)
    }

    /// Reads the syntax of `fw_env.config`: a line `device offset size [sector_size [sectors]]` for each copy. `#`
    /// starts a comment; blank lines do not count. Relative devices are relative to the working directory.
    ///
    /// Stricter than the stock tools, which pass over a line that they do not understand.
    ///
    /// # Errors
    /// [`ConfigError`] with the line and the column.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let copies = text
            .lines()
            .enumerate()
            .filter(|(_, line)| columns(line).next().is_some())
            .map(|(index, line)| parse_line(index + 1, line))
            .collect::<Result<Vec<_>, _>>()?;
        Self::new(copies)
    }

    /// Reads a file with the syntax of [`parse`](Self::parse).
    ///
    /// # Errors
    /// [`ConfigError::Read`], and those of [`parse`](Self::parse).
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text =
            fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        Self::parse(&text)
    }

    /// The same places with another meaning of the flag bytes.
    #[must_use]
    pub fn with_scheme(self, scheme: FlagScheme) -> Self {
        Self { scheme, ..self }
    }

    /// The same places under another lock. `fw_setenv` does not know of it: only for environments that it never touches.
    #[must_use]
    pub fn with_lock_file(self, lock_file: PathBuf) -> Self {
        Self { lock_file, ..self }
    }

    /// Size and form of the copies. Checks what public fields do not guarantee.
    pub(crate) fn layout(&self) -> Result<Layout, ConfigError> {
        let (first, redundant) = match self.copies.as_slice() {
            [only] => (only, false),
            [first, second] if first.size != second.size => {
                return Err(ConfigError::SizesDiffer { first: first.size, second: second.size });
            }
            [first, second] if first.overlaps(second) => {
                return Err(ConfigError::Overlap { device: first.device.clone() });
            }
            [first, _] => (first, true),
            copies => return Err(ConfigError::CopyCount { found: copies.len() }),
        };
        let too_odd = || ConfigError::Size { size: first.size };
        let size = usize::try_from(first.size).map_err(|_| too_odd())?;
        let layout = Layout { size, redundant };
        if first.size > MAX_SIZE || size <= layout.header_len() { Err(too_odd()) } else { Ok(layout) }
    }
}

impl Field {
    fn expectation(self) -> &'static str {
        match self {
            Self::Offset => "an offset (decimal, hexadecimal with 0x, or octal with 0)",
            Self::Size => "a hexadecimal size",
            Self::SectorSize => "a hexadecimal sector size",
            Self::Sectors => "a hexadecimal number of sectors",
        }
    }
}

fn parse_line(line: usize, text: &str) -> Result<Location, ConfigError> {
    let mut columns = columns(text);
    let (Some(device), Some(offset), Some(size)) = (columns.next(), columns.next(), columns.next()) else {
        return Err(ConfigError::MissingField { line });
    };
    let number = |field, text: &str| ConfigError::Number { line, field, text: text.to_owned() };
    let location = Location {
        device: PathBuf::from(device),
        offset: parse_offset(offset).ok_or_else(|| number(Field::Offset, offset))?,
        size: parse_hex(size).ok_or_else(|| number(Field::Size, size))?,
        sector_size: optional(&mut columns).map_err(|text| number(Field::SectorSize, text))?,
        sectors: optional(&mut columns).map_err(|text| number(Field::Sectors, text))?,
    };
    match columns.next() {
        Some(text) => Err(ConfigError::ExtraField { line, text: text.to_owned() }),
        None => Ok(location),
    }
}

/// The words of a line up to a comment. A `#` inside of a word is part of it.
fn columns(line: &str) -> impl Iterator<Item = &str> {
    line.split_whitespace().take_while(|word| !word.starts_with('#'))
}

fn optional<'text>(columns: &mut impl Iterator<Item = &'text str>) -> Result<Option<u64>, &'text str> {
    columns.next().map(|text| parse_hex(text).ok_or(text)).transpose()
}

/// C's `strtoll` with base 0.
fn parse_offset(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let magnitude = match strip_hex_prefix(digits) {
        Some(hex) => parse_digits(hex, 16)?,
        None if digits.len() > 1 && digits.starts_with('0') => parse_digits(digits, 8)?,
        None => parse_digits(digits, 10)?,
    };
    if negative { 0i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() }
}

/// C's `strtoul` with base 16, without a sign.
fn parse_hex(text: &str) -> Option<u64> {
    parse_digits(strip_hex_prefix(text).unwrap_or(text), 16)
}

fn strip_hex_prefix(text: &str) -> Option<&str> {
    text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"))
}

fn parse_digits(text: &str, radix: u32) -> Option<u64> {
    // `from_str_radix` would take a sign.
    text.starts_with(|first: char| first.is_digit(radix)).then(|| u64::from_str_radix(text, radix).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_forms_with_comments_blank_lines_and_all_number_forms() {
        let one = Config::parse("# comment\n\n   \n/dev/mmcblk0 0x3f8000 0x8000\n").unwrap();
        assert_eq!(one.copies, [Location::new("/dev/mmcblk0", 0x3f_8000, 0x8000)]);
        assert_eq!(one.lock_file, Path::new("/var/lock/fw_printenv.lock"));
        assert_eq!(one.scheme, FlagScheme::Counter);

        let two =
            Config::parse("  # indented\n  a#1\t512  4000 0X200 8 # first\r\nb -010 0x4000\r\n").unwrap();
        let [first, second] = two.copies.as_slice() else { panic!("two copies") };
        assert_eq!(
            (first.offset, first.size, first.sector_size, first.sectors),
            (512, 0x4000, Some(512), Some(8))
        );
        assert_eq!((second.offset, second.size, second.sector_size), (-8, 0x4000, None));
    }

    #[test]
    fn says_which_line_and_column_is_wrong() {
        for (text, message) in [
            ("", "an environment has one copy or two, not 0"),
            ("a 0 100\nb 0 100\nc 0 100", "an environment has one copy or two, not 3"),
            ("\na 0", "line 2: expected a device, an offset and a size"),
            ("a x 100", "line 1: \"x\" is not an offset (decimal, hexadecimal with 0x, or octal with 0)"),
            ("a 09 100", "line 1: \"09\" is not an offset (decimal, hexadecimal with 0x, or octal with 0)"),
            ("a 0 +100", "line 1: \"+100\" is not a hexadecimal size"),
            ("a 0 0x", "line 1: \"0x\" is not a hexadecimal size"),
            ("a 0 100 g", "line 1: \"g\" is not a hexadecimal sector size"),
            ("a 0 100 1 -1", "line 1: \"-1\" is not a hexadecimal number of sectors"),
            ("a 0 100 1 1 1", "line 1: \"1\" after the last column"),
            ("a 0 11111111111111111", "line 1: \"11111111111111111\" is not a hexadecimal size"),
            ("a 0 0", "a copy of 0 bytes is too small or too large for an environment"),
            ("a 0 4", "a copy of 4 bytes is too small or too large for an environment"),
            ("a 0 1000001", "a copy of 16777217 bytes is too small or too large for an environment"),
            ("a 0 100\nb 0 200", "the copies have 256 and 512 bytes, they must have the same size"),
            ("a 0 100\na 0xff 100", "the two copies overlap on a"),
        ] {
            assert_eq!(Config::parse(text).unwrap_err().to_string(), message, "{text:?}");
        }
        assert!(matches!(Config::load(Path::new("/absent")), Err(ConfigError::Read { .. })));
    }

    #[test]
    fn offsets_are_read_to_their_limits() {
        assert_eq!(parse_offset("-0x8000000000000000"), Some(i64::MIN));
        assert_eq!(parse_offset("0x7fffffffffffffff"), Some(i64::MAX));
        assert_eq!(parse_offset("0x8000000000000000"), None);
        assert_eq!(parse_offset("0"), Some(0));
        assert_eq!(parse_offset("--1"), None);
        assert_eq!(parse_offset(""), None);
    }
}
