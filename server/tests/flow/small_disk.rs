//! A disk that is as small, and as full, as a test asks. It is a tmpfs, and mounting one takes root.

use rustix::fs::{FallocateFlags, fallocate, statvfs};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None` where mounting is not permitted.
    pub fn mount(place: PathBuf, megabytes: u64) -> Option<Self> {
        fs::create_dir_all(&place).ok()?;
        let size = format!("size={megabytes}m");
        let output = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&place).output();
        output.ok()?.status.success().then_some(Self(place))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Bytes.
    pub fn free(&self) -> u64 {
        let disk = statvfs(&self.0).unwrap();
        disk.f_bavail * disk.f_frsize
    }

    /// Fills the disk until about so many bytes are free.
    pub fn leave(&self, free: u64) {
        self.make_room();
        let ballast = File::create(self.ballast()).unwrap();
        // Others may take some of it meanwhile.
        while let surplus @ 1.. = self.free().saturating_sub(free) {
            let from = ballast.metadata().unwrap().len();
            _ = fallocate(&ballast, FallocateFlags::empty(), from, surplus);
        }
    }

    /// Takes away what [`leave`](Self::leave) filled it with, at once, also where what another test has just started still holds the file.
    pub fn make_room(&self) {
        if let Ok(ballast) = File::options().write(true).open(self.ballast()) {
            _ = ballast.set_len(0);
        }
        _ = fs::remove_file(self.ballast());
    }

    fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // What is still open on it goes with the process that has it open.
        _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
        _ = fs::remove_dir(&self.0);
    }
}
