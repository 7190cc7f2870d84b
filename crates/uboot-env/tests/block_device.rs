//! The same on a block device: a loop device, which needs root.

#![cfg(test)]

mod common;

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;

use common::{Rig, environment, lines, output};
use uboot_env::Store;

/// A loop device over the rig's file. The kernel detaches it when the open handle goes, however the test ends.
struct LoopDevice {
    path: PathBuf,
    _handle: File,
}

impl LoopDevice {
    fn attach(rig: &Rig) -> Self {
        let mut command = Command::new("losetup");
        let attached = output(command.args(["--find", "--show"]).arg(rig.env_path()));
        assert!(
            attached.status.success(),
            "losetup cannot attach a loop device; this test needs root and the kernel's loop devices: {}",
            String::from_utf8_lossy(&attached.stderr)
        );
        let path = PathBuf::from(String::from_utf8(attached.stdout).unwrap().trim());
        let handle = File::open(&path);
        // While it is open this only marks it for detachment.
        let detached = output(Command::new("losetup").arg("--detach").arg(&path));
        assert!(detached.status.success(), "{detached:?}");
        Self { path, _handle: handle.unwrap() }
    }
}

#[test]
fn an_environment_on_a_block_device_is_shared_with_the_stock_tools() {
    let rig = Rig::new(2, 4096);
    fs::write(rig.env_path(), vec![0xaa; 64 * 1024]).unwrap();
    let device = LoopDevice::attach(&rig);
    // The second copy counts from the end of the device, and neither lies on a boundary of the page cache.
    let config = format!("{0} 0x200 0x1000\n{0} -0x1200 0x1000\n", device.path.display());
    fs::write(rig.config_path(), config).unwrap();

    let wanted = environment(&[("BOOT_ORDER", "A B"), ("BOOT_A_LEFT", "3")]);
    let store = Store::create(rig.config(), &wanted).unwrap();
    assert_eq!(rig.printenv(), lines(&wanted));
    for round in 0..4 {
        rig.setenv("theirs", round.to_string());
        store
            .update(|env| {
                let theirs = env.get("theirs").unwrap().to_owned();
                env.set("ours", theirs)
            })
            .unwrap();
        assert_eq!(rig.printenv_value("ours"), round.to_string().as_bytes());
        assert_eq!(rig.printenv(), lines(&store.read().unwrap()));
    }
    drop(device);

    // What the commits made durable is on the medium, and nothing else was touched.
    let bytes = rig.bytes();
    let [first, second] = [0x200..0x1200, 64 * 1024 - 0x1200..64 * 1024 - 0x200];
    assert!(bytes[..first.start].iter().all(|byte| *byte == 0xaa));
    assert!(bytes[first.end..second.start].iter().all(|byte| *byte == 0xaa));
    assert!(bytes[second.end..].iter().all(|byte| *byte == 0xaa));
    assert_eq!((bytes[first.start + 4], bytes[second.start + 4]), (9, 8));
}
