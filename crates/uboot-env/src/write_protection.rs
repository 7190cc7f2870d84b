//! eMMC boot partitions, a common place for the environment, are write-protected by the kernel until told otherwise.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// Where the kernel lists block devices.
pub(crate) const SYSFS_BLOCK: &str = "/sys/class/block";

/// Lifted protection of an eMMC boot partition; put back on drop.
#[derive(Debug)]
pub(crate) struct Lifted {
    switch: PathBuf,
}

impl Lifted {
    /// Lifts the protection where `device` is an eMMC boot partition that has it; `None` where there is nothing to do.
    pub(crate) fn lift(device: &Path, sysfs_block: &Path) -> io::Result<Option<Self>> {
        let device = match device.canonicalize() {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            result => result?,
        };
        let Some(name) =
            device.file_name().and_then(|name| name.to_str()).filter(|name| is_boot_partition(name))
        else {
            return Ok(None);
        };
        let switch = sysfs_block.join(name).join("force_ro");
        match fs::read_to_string(&switch) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
            Ok(state) if state.trim() == "0" => Ok(None),
            Ok(_) => {
                fs::write(&switch, "0")?;
                Ok(Some(Self { switch }))
            }
        }
    }
}

impl Drop for Lifted {
    fn drop(&mut self) {
        // The commit is durable by now. A switch that stays open only costs protection that `fw_setenv` lifts as well.
        let _ = fs::write(&self.switch, "1");
    }
}

/// `mmcblk<number>boot<number>`
fn is_boot_partition(name: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    name.strip_prefix("mmcblk")
        .and_then(|rest| rest.split_once("boot"))
        .is_some_and(|(card, partition)| is_number(card) && is_number(partition))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_boot_partitions_have_the_switch() {
        for (name, expected) in [
            ("mmcblk0boot0", true),
            ("mmcblk12boot1", true),
            ("mmcblk0", false),
            ("mmcblk0p1", false),
            ("mmcblkboot0", false),
            ("mmcblk0boot", false),
            ("sda1", false),
        ] {
            assert_eq!(is_boot_partition(name), expected, "{name}");
        }
    }

    #[test]
    fn protection_is_lifted_while_the_guard_lives_and_left_alone_where_it_was_off() {
        let root = tempfile::tempdir().unwrap();
        let device = root.path().join("mmcblk0boot1");
        fs::write(&device, "").unwrap();
        let switch = root.path().join("class/mmcblk0boot1/force_ro");
        fs::create_dir_all(switch.parent().unwrap()).unwrap();
        for state in ["1\n", "0\n"] {
            fs::write(&switch, state).unwrap();
            let lifted = Lifted::lift(&device, &root.path().join("class")).unwrap();
            assert_eq!(fs::read_to_string(&switch).unwrap().trim(), "0");
            drop(lifted);
            assert_eq!(fs::read_to_string(&switch).unwrap().trim(), state.trim());
        }
        fs::remove_file(&switch).unwrap();
        assert!(Lifted::lift(&device, &root.path().join("class")).unwrap().is_none());
        assert!(Lifted::lift(&root.path().join("absent"), root.path()).unwrap().is_none());
    }
}
