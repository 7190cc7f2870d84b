//! A disk that gets full at any point of a snapshot. The disk is a tmpfs, which takes root to mount.
#![allow(clippy::unwrap_used)]

mod common;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Random, names, read, request, whole};
use snapstore::{Error, Options, Store};

const MIB: u64 = 1 << 20;
const WORK: u64 = 20 * MIB;

struct Tmpfs(PathBuf);

impl Tmpfs {
    fn mount(path: PathBuf) -> Option<Self> {
        std::fs::create_dir(&path).unwrap();
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=64m", "tmpfs"]).arg(&path).output();
        mount.is_ok_and(|output| output.status.success()).then_some(Self(path))
    }

    fn free(&self) -> u64 {
        let stat = rustix::fs::statvfs(&self.0).unwrap();
        stat.f_bavail * stat.f_frsize
    }

    /// Fills the disk until so many bytes are free.
    fn leave(&self, free: u64) {
        let ballast = self.0.join("ballast");
        let _ = std::fs::remove_file(&ballast);
        std::fs::write(&ballast, vec![1; (self.free() - free) as usize]).unwrap();
        assert_eq!(self.free(), free);
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

fn full(disk: &Tmpfs, images: &Path) {
    let directory = disk.0.join("store");
    let store = Store::open(&directory, Options::default()).unwrap();
    let old = Random(1).bytes(4 * MIB as usize);
    store.create(&request(images, "old", &[("a", &old)]), &()).unwrap();
    let before = names(&directory);
    let bytes = Random(2).bytes(WORK as usize);
    let mut new = request(images, "new", &[("a", &bytes)]);
    let intact = |what: &str| {
        assert_eq!(names(&directory), before, "{what}");
        assert!(read(&store, "old", "a").unwrap() == old);
    };
    // At 100 % the pack fits, and the manifest does not.
    for percent in (0..=100).step_by(10) {
        disk.leave(WORK * percent / 100 / 4096 * 4096);
        assert!(matches!(store.create(&new, &()), Err(Error::NoSpace)), "at {percent} %");
        intact(&format!("at {percent} %"));
    }
    for (free, keep_free) in [(2 * MIB, 3 * MIB), (WORK + MIB, 10 * MIB), (WORK + MIB, MIB + 4096)] {
        disk.leave(free);
        new.keep_free = keep_free;
        assert!(matches!(store.create(&new, &()), Err(Error::NoSpace)), "{keep_free} of {free} to stay free");
        intact("room that has to stay free");
    }
    disk.leave(WORK + MIB);
    new.keep_free = MIB / 2;
    store.create(&new, &()).unwrap();
    assert!(read(&store, "new", "a").unwrap() == bytes);
    // Room for a part of "new" and no more: the rest cannot be moved, but it can be removed.
    store.create(&request(images, "part", &[("a", &bytes[..9 * MIB as usize])]), &()).unwrap();
    disk.leave(0);
    store.remove("new").unwrap();
    assert!(matches!(store.sweep(), Err(Error::NoSpace)));
    assert!(read(&store, "part", "a").unwrap() == bytes[..9 * MIB as usize]);
    disk.leave(10 * MIB);
    store.sweep().unwrap();
    assert!(read(&store, "part", "a").unwrap() == bytes[..9 * MIB as usize]);
    assert_eq!(disk.free(), (10 + 11) * MIB, "the dead part of the pack is free");
    assert_eq!(whole(&store).len(), 2);
}

#[test]
fn a_full_disk_ends_a_snapshot_and_harms_no_other() {
    let home = tempfile::tempdir().unwrap();
    match Tmpfs::mount(home.path().join("disk")) {
        Some(disk) => full(&disk, home.path()),
        // Past the harness, which shows nothing of a test that passes.
        None => std::io::stderr().write_all(b"skipped: mounting a tmpfs is not permitted here\n").unwrap(),
    }
}
