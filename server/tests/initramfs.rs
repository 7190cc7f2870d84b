//! The script that runs `boot-apply` in the initramfs, against stand-ins of what it calls.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

const SCRIPT: &str = "../packaging/initramfs-tools/scripts/local-premount/gateway-ota";

/// What the script called, in this order, with the given ends of `mount` and `boot-apply`.
fn calls(cmdline: &str, mount: u8, apply: u8) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let log = at("log");
    for (name, status) in [
        ("mount", mount),
        ("umount", 0),
        ("reboot", 0),
        ("sync", 0),
        ("mkdir", 0),
        ("ln", 0),
        ("apply", apply),
    ] {
        stand_in(&at(name), &log, name, status);
    }
    fs::write(at("cmdline"), cmdline).unwrap();
    let script = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(SCRIPT)).unwrap();
    let program = "program=/usr/bin/gateway-ota";
    assert!(script.contains(program));
    fs::write(at("script"), script.replace(program, &format!("program={}", at("apply").display()))).unwrap();
    let path = format!("{}:/usr/bin:/bin", directory.path().display());
    let mut run = Command::new("sh");
    run.arg(at("script")).env("PATH", path).env("GATEWAY_OTA_CMDLINE", at("cmdline"));
    assert!(run.output().unwrap().status.success(), "the start goes on, whatever happens");
    let log = fs::read_to_string(log).unwrap_or_default();
    log.lines()
        .filter(|line| !line.starts_with("mkdir") && !line.starts_with("ln"))
        .map(str::to_owned)
        .collect()
}

fn stand_in(path: &PathBuf, log: &Path, name: &str, status: u8) {
    fs::write(path, format!("#!/bin/sh\necho \"{name} $*\" >> {}\nexit {status}\n", log.display())).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

const CMDLINE: &str = "console=ttyS0 root=/dev/mmcblk0p2 ro rauc.slot=A gateway_ota.data=/dev/mmcblk0p4\n";
const MOUNT: &str = "mount /dev/mmcblk0p4 /var/lib/gateway-ota";
const UNMOUNT: &str = "umount /var/lib/gateway-ota";

#[test]
fn orders_are_looked_for_before_the_root_is_mounted_and_the_start_goes_on() {
    for status in [0, 1, 2] {
        assert_eq!(calls(CMDLINE, 0, status), [MOUNT, "apply boot-apply", UNMOUNT], "status {status}");
    }
}

#[test]
fn a_slot_that_was_written_is_not_mounted_before_the_boot_loader_has_chosen_again() {
    assert_eq!(calls(CMDLINE, 0, 4), [MOUNT, "apply boot-apply", UNMOUNT, "sync ", "reboot -f"]);
}

#[test]
fn without_the_data_directory_nothing_is_done() {
    assert_eq!(calls(CMDLINE, 1, 0), [MOUNT]);
    assert_eq!(calls("root=/dev/x rauc.slot=A\n", 0, 0), Vec::<String>::new());
}
