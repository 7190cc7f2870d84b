//! The copies of an environment, as they stand on a device.

use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::PathBuf;

use rustix::fs::{MemfdFlags, memfd_create};
use uboot_env::{Config, Environment, Error, FlagScheme, Location, Store, UpdateError};

/// Two copies, each half of the bytes; else one.
pub const REDUNDANT: u8 = 1;
pub const BOOLEAN: u8 = 2;
/// The checksum of either copy is made right: chance hardly ever would.
pub const MEND_BOTH: u8 = 4 | 8;
/// Bytes of a copy's checksum.
const CRC: usize = 4;
/// Bytes of a copy at most, for speed.
const LONGEST: usize = 4096;

/// Reads and changes the environment that follows the first byte, which says of what kind it is.
pub fn environment(bytes: &[u8]) {
    let Some((how, area)) = bytes.split_first() else { return };
    let count = 1 + usize::from(how & REDUNDANT);
    let size = area.len() / count;
    if size > LONGEST {
        return;
    }
    let mut area = area[..size * count].to_vec();
    let header = CRC + usize::from(how & REDUNDANT);
    for (index, copy) in area.chunks_mut(size.max(1)).enumerate().filter(|(_, copy)| copy.len() > header) {
        if how & 4 << index != 0 {
            let crc = crc32fast::hash(&copy[header..]);
            copy[..CRC].copy_from_slice(&crc.to_le_bytes());
        }
    }
    let (device, lock) = (file(&area), file(&[]));
    let copies = (0..count).map(|index| Location::new(path(&device), (index * size) as i64, size as u64));
    let Ok(config) = Config::new(copies.collect()) else { return assert!(size <= header + 1, "{size}") };
    let scheme = if how & BOOLEAN == 0 { FlagScheme::Counter } else { FlagScheme::Boolean };
    let store = Store::open(config.with_scheme(scheme).with_lock_file(path(&lock)));

    let data = |index: usize| &area[index * size + header..(index + 1) * size];
    let crc = |index: usize| area[index * size..][..CRC].try_into().map(u32::from_le_bytes).unwrap();
    let status = store.status().unwrap();
    for (index, copy) in status.iter().enumerate() {
        assert_eq!(copy.valid, crc(index) == crc32fast::hash(data(index)), "copy {index}");
        assert!(copy.valid || !copy.active, "copy {index}");
    }
    let Some(active) = status.iter().position(|copy| copy.active) else {
        assert!(status.iter().all(|copy| !copy.valid));
        assert!(matches!(store.read(), Err(Error::NoValidCopy)));
        return;
    };
    let before = store.read().unwrap();
    assert_eq!(before, Environment::parse(data(active)));
    // The marks behind the last entry and behind the list may be missing.
    assert!(before.encoded_len() <= data(active).len() + 2, "it holds more than there was");
    change(&store, before, data(active).len());
}

/// One change is seen as it was made, or not at all, and nothing else differs.
fn change(store: &Store, before: Environment, room: usize) {
    let mut wanted = before.clone();
    wanted.set("BOOT_ORDER", "B A").unwrap();
    match store.update(|environment| environment.set("BOOT_ORDER", "B A")) {
        Ok(()) => assert_eq!(store.read().unwrap(), wanted),
        Err(UpdateError::Environment(Error::TooLarge { .. })) => {
            assert!(wanted.encoded_len() > room);
            assert_eq!(store.read().unwrap(), before);
        }
        Err(error) => panic!("{error:?}"),
    }
}

fn file(bytes: &[u8]) -> File {
    let mut file = File::from(memfd_create("environment", MemfdFlags::CLOEXEC).unwrap());
    file.write_all(bytes).unwrap();
    file
}

/// Of an open file.
fn path(file: &File) -> PathBuf {
    format!("/proc/self/fd/{}", file.as_raw_fd()).into()
}
