//! What a slot contains, from the first bytes of it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// A file system that can be told by its superblock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Filesystem {
    /// ext2, ext3 or ext4.
    Ext {
        used: u64,
    },
    Squashfs {
        used: u64,
    },
}

const EXT_SUPERBLOCK: u64 = 1024;
const EXT_MAGIC: u16 = 0xef53;
const EXT_64BIT: u32 = 0x80;
/// Blocks are of 1 KiB shifted by at most this.
const EXT_MAX_SHIFT: u32 = 6;
const SQUASHFS_MAGIC: u32 = 0x7371_7368;

impl Filesystem {
    /// Reads superblocks; `None` where no known one is there, also for what is too short to hold one.
    ///
    /// # Errors
    /// That of the device.
    pub(crate) fn probe(file: &File) -> io::Result<Option<Self>> {
        let mut block = [0; 2048];
        let mut filled = 0;
        while let Some(rest) = block.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match file.read_at(rest, filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let head = Head(block.get(..filled).unwrap_or_default());
        Ok(head.squashfs().or_else(|| head.ext()))
    }

    /// Bytes in use.
    pub(crate) const fn used(self) -> u64 {
        match self {
            Self::Ext { used } | Self::Squashfs { used } => used,
        }
    }
}

/// Little-endian fields of the first blocks.
struct Head<'a>(&'a [u8]);

impl Head<'_> {
    fn squashfs(&self) -> Option<Filesystem> {
        (self.u32(0)? == SQUASHFS_MAGIC).then_some(())?;
        Some(Filesystem::Squashfs { used: self.u64(40)? })
    }

    fn ext(&self) -> Option<Filesystem> {
        let field = |offset: u64| self.u32(EXT_SUPERBLOCK + offset);
        let magic = self.array(EXT_SUPERBLOCK + 0x38).map(u16::from_le_bytes)?;
        let shift = field(0x18)?;
        if magic != EXT_MAGIC || shift > EXT_MAX_SHIFT {
            return None;
        }
        let wide = field(0x60)? & EXT_64BIT != 0;
        let high = |offset| if wide { field(offset).map(|high| u64::from(high) << 32) } else { Some(0) };
        let blocks = u64::from(field(0x04)?) | high(0x150)?;
        let free = u64::from(field(0x0c)?) | high(0x158)?;
        let used = blocks.checked_sub(free)?.checked_mul(1024 << shift)?;
        Some(Filesystem::Ext { used })
    }

    fn u32(&self, offset: u64) -> Option<u32> {
        self.array(offset).map(u32::from_le_bytes)
    }

    fn u64(&self, offset: u64) -> Option<u64> {
        self.array(offset).map(u64::from_le_bytes)
    }

    fn array<const N: usize>(&self, offset: u64) -> Option<[u8; N]> {
        let start = usize::try_from(offset).ok()?;
        self.0.get(start..start.checked_add(N)?)?.try_into().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fs;
    use std::process::Command;

    fn probe(content: &[u8]) -> Option<Filesystem> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), content).unwrap();
        Filesystem::probe(&File::open(file.path()).unwrap()).unwrap()
    }

    fn run(program: &str, arguments: &[&str]) -> String {
        let output = Command::new(program).args(arguments).output().unwrap();
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    #[test]
    fn ext4_is_measured_as_dumpe2fs_measures_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("image");
        for (size, options) in [(8_u64 << 20, "64bit"), (64 << 20, "^64bit")] {
            File::create(&path).unwrap().set_len(size).unwrap();
            run("mkfs.ext4", &["-q", "-F", "-O", options, path.to_str().unwrap()]);
            let text = run("dumpe2fs", &["-h", path.to_str().unwrap()]);
            let number = |key: &str| -> u64 {
                let line = text.lines().find_map(|line| line.strip_prefix(key)).unwrap();
                line.trim().parse().unwrap()
            };
            let used = (number("Block count:") - number("Free blocks:")) * number("Block size:");
            assert_eq!(
                Filesystem::probe(&File::open(&path).unwrap()).unwrap(),
                Some(Filesystem::Ext { used })
            );
        }
    }

    #[test]
    fn squashfs_is_as_long_as_it_says() {
        let directory = tempfile::tempdir().unwrap();
        let (content, image) = (directory.path().join("content"), directory.path().join("image"));
        fs::write(&content, vec![7; 300_000]).unwrap();
        run("mksquashfs", &[content.to_str().unwrap(), image.to_str().unwrap(), "-quiet", "-nopad"]);
        let used = fs::metadata(&image).unwrap().len();
        let found = Filesystem::probe(&File::open(&image).unwrap()).unwrap();
        assert_eq!(found, Some(Filesystem::Squashfs { used }));
    }

    #[test]
    fn zeros_noise_and_nothing_are_no_file_system() {
        assert_eq!(probe(&[]), None);
        assert_eq!(probe(&[0; 4096]), None);
        assert_eq!(probe(b"hsqs"), None, "a magic without a superblock");
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(mut bytes in proptest::collection::vec(any::<u8>(), 0..2048)) {
            if let Some(magic) = bytes.get_mut(1024 + 0x38..1024 + 0x3a) {
                magic.copy_from_slice(&EXT_MAGIC.to_le_bytes());
            }
            let _ = Head(&bytes).ext().map(Filesystem::used);
            let _ = Head(&bytes).squashfs();
        }
    }
}
