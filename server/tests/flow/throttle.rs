//! The kernel holds back what a process wants of a device: the io controller, of either generation of control groups.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A control group, removed in the end.
pub struct Throttle(PathBuf);

impl Throttle {
    /// A group whose processes write `rate` bytes a second to `device`, and read as many.
    pub fn of(device: &str, rate: u64) -> Option<Self> {
        let number = fs::metadata(device).ok()?.rdev();
        let number = format!("{}:{}", rustix::fs::major(number), rustix::fs::minor(number));
        let name = format!("gateway-ota-test-{}", std::process::id());
        let (second, first) = (Path::new("/sys/fs/cgroup"), Path::new("/sys/fs/cgroup/blkio"));
        if second.join("cgroup.controllers").exists() {
            fs::write(second.join("cgroup.subtree_control"), "+io").ok()?;
            let group = Self::make(second.join(name))?;
            group.set("io.max", &format!("{number} rbps={rate} wbps={rate}"))?;
            return Some(group);
        }
        let group = Self::make(first.join(name))?;
        group.set("blkio.throttle.read_bps_device", &format!("{number} {rate}"))?;
        group.set("blkio.throttle.write_bps_device", &format!("{number} {rate}"))?;
        Some(group)
    }

    fn make(path: PathBuf) -> Option<Self> {
        fs::create_dir(&path).ok()?;
        Some(Self(path))
    }

    fn set(&self, file: &str, value: &str) -> Option<()> {
        fs::write(self.0.join(file), value).ok()
    }

    /// Puts a process into the group.
    pub fn take(&self, process: u32) {
        fs::write(self.0.join("cgroup.procs"), process.to_string()).unwrap();
    }
}

impl Drop for Throttle {
    fn drop(&mut self) {
        _ = fs::remove_dir(&self.0);
    }
}
