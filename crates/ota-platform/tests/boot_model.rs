//! The modelled hardware: which slot it starts, what each attempt costs, and how the process is replaced.

#![cfg(test)]

mod device;

use device::{Gateway, clearance};
use ota_core::{BySlot, Running, SlotId};
use ota_engine::ports::Reboot;
use ota_platform::{BootModelConfig, ModelError, ModelReboot, SystemdReboot, SystemdRebootConfig};
use ota_platform::{booted_slot, power_on};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

fn model(gateway: &Gateway, order: &str, a: &str, b: &str) -> BootModelConfig {
    let environment = gateway.environment(&[("BOOT_ORDER", order), ("BOOT_A_LEFT", a), ("BOOT_B_LEFT", b)]);
    BootModelConfig {
        environment,
        slots: BySlot { a: gateway.slot(SlotId::A), b: gateway.slot(SlotId::B) },
        recovery: None,
        cmdline: gateway.path("cmdline"),
        boot_id: gateway.path("boot_id"),
        log: gateway.path("boot.log"),
        rollback_retries: 3,
    }
}

/// Slot and result of each line; the time stamps are checked to be some.
fn log(gateway: &Gateway) -> Vec<String> {
    let text = fs::read_to_string(gateway.path("boot.log")).unwrap();
    let line = |line: &str| {
        let (at, rest) = line.split_once(' ').unwrap();
        at.parse::<jiff::Timestamp>().unwrap();
        rest.to_owned()
    };
    text.lines().map(line).collect()
}

#[test]
fn the_first_slot_with_a_try_starts_and_pays_one() {
    let gateway = Gateway::new(16);
    gateway.format(SlotId::B);
    let config = model(&gateway, "B A", "3", "3");
    fs::write(&config.boot_id, "before").unwrap();
    assert_eq!(power_on(&config).unwrap(), Running::Slot(SlotId::B));
    assert_eq!(booted_slot(&config.cmdline).unwrap(), Running::Slot(SlotId::B));
    assert_eq!(log(&gateway), ["slot B started"]);
    let selection = gateway.selection();
    assert_eq!((selection.left.a, selection.left.b), (3, 2));
    let first = fs::read_to_string(&config.boot_id).unwrap();
    power_on(&config).unwrap();
    let second = fs::read_to_string(&config.boot_id).unwrap();
    assert!(first.trim().len() == 36 && first != second && first != "before");
}

#[test]
fn a_slot_without_a_file_system_uses_up_exactly_its_tries_and_the_other_one_starts() {
    let gateway = Gateway::new(8 << 20);
    gateway.format(SlotId::A);
    let config = model(&gateway, "B A", "2", "3");
    assert_eq!(power_on(&config).unwrap(), Running::Slot(SlotId::A));
    let failed = "slot B failed: no file system";
    assert_eq!(log(&gateway), [failed, failed, failed, "slot A started"]);
    assert_eq!(gateway.printenv()["BOOT_B_LEFT"], "0");
    assert_eq!(gateway.printenv()["BOOT_A_LEFT"], "1");
    assert_eq!(gateway.printenv()["BOOT_ORDER"], "B A", "the boot script does not reorder");
}

#[test]
fn tries_are_refilled_when_none_is_left() {
    let gateway = Gateway::new(8 << 20);
    gateway.format(SlotId::B);
    let config = model(&gateway, "A B", "0", "0");
    assert_eq!(power_on(&config).unwrap(), Running::Slot(SlotId::B));
    let selection = gateway.selection();
    assert_eq!((selection.left.a, selection.left.b, log(&gateway).len()), (0, 2, 4));
}

#[test]
fn hardware_on_which_nothing_starts_is_dead_after_two_refills_and_hands_nothing_over() {
    let gateway = Gateway::new(8 << 20);
    let config = model(&gateway, "A B", "3", "1");
    let before = fs::read(&config.cmdline).unwrap();
    fs::remove_file(gateway.slot(SlotId::B)).unwrap();
    let attempts = match power_on(&config) {
        Err(ModelError::NothingStarts { attempts }) => attempts,
        other => panic!("{other:?}"),
    };
    assert_eq!(attempts, 3 + 1 + 2 * (3 + 3));
    assert_eq!(log(&gateway).len(), 16);
    assert_eq!(fs::read(&config.cmdline).unwrap(), before);
    assert!(!config.boot_id.exists());
}

#[tokio::test]
async fn a_restart_that_leads_nowhere_is_an_error_and_the_process_lives() {
    let gateway = Gateway::new(4096);
    let config = model(&gateway, "A B", "1", "1");
    assert!(ModelReboot::open(config.clone()).is_err(), "without a boot id");
    fs::write(&config.boot_id, "id\n").unwrap();
    let reboot = ModelReboot::open(config).unwrap();
    assert_eq!(reboot.boot_id(), "id");
    let error = reboot.reboot(clearance()).await.unwrap_err();
    assert!(error.to_string().contains("no slot starts"), "{error}");
}

const DIRECTORY: &str = "BOOT_MODEL_TEST_DIRECTORY";

#[test]
fn the_recovery_slot_starts_when_no_other_does() {
    let gateway = Gateway::new(8 << 20);
    let recovery = gateway.path("slot-R.img");
    gateway.format(SlotId::A);
    fs::copy(gateway.slot(SlotId::A), &recovery).unwrap();
    fs::File::create(gateway.slot(SlotId::A)).unwrap().set_len(8 << 20).unwrap();
    let mut config = model(&gateway, "A B R", "2", "0");
    let environment = gateway.environment(&[
        ("BOOT_ORDER", "A B R"),
        ("BOOT_A_LEFT", "2"),
        ("BOOT_B_LEFT", "0"),
        ("BOOT_R_LEFT", "3"),
    ]);
    config.environment = environment;
    config.recovery = Some(recovery);
    assert_eq!(power_on(&config).unwrap(), Running::Recovery);
    assert_eq!(booted_slot(&config.cmdline).unwrap(), Running::Recovery);
    assert_eq!(gateway.selection().recovery, Some(2));
    assert_eq!(log(&gateway).last().unwrap(), "slot R started");
}

/// The program of the next test; alone it does nothing.
#[tokio::test(flavor = "multi_thread")]
async fn restarting_program() {
    let Some(directory) = std::env::var_os(DIRECTORY).map(PathBuf::from) else { return };
    let path = |name: &str| directory.join(name);
    let config = BootModelConfig {
        environment: ota_platform::UbootConfig {
            environment: path("fw_env.config"),
            scheme: ota_platform::FlagScheme::Counter,
            lock_file: path("lock"),
        },
        slots: BySlot { a: path("slot-A.img"), b: path("slot-B.img") },
        recovery: None,
        cmdline: path("cmdline"),
        boot_id: path("boot_id"),
        log: path("boot.log"),
        rollback_retries: 3,
    };
    let reboot = ModelReboot::open(config).unwrap();
    let slot = booted_slot(&path("cmdline")).unwrap();
    let mut seen = OpenOptions::new().create(true).append(true).open(path("seen")).unwrap();
    writeln!(seen, "{} {slot} {}", std::process::id(), reboot.boot_id()).unwrap();
    if slot == Running::Slot(SlotId::A) {
        let error = reboot.reboot(clearance()).await.unwrap_err();
        panic!("{error}");
    }
}

#[test]
fn a_restart_replaces_the_process_which_finds_the_other_slot_running() {
    let gateway = Gateway::new(8 << 20);
    gateway.format(SlotId::B);
    let config = model(&gateway, "B A", "3", "3");
    fs::write(&config.boot_id, "first\n").unwrap();
    let mut program = Command::new(std::env::current_exe().unwrap());
    program.args(["--exact", "restarting_program", "--nocapture"]).env(DIRECTORY, gateway.directory.path());
    let child = program.spawn().unwrap();
    let id = child.id();
    assert!(child.wait_with_output().unwrap().status.success());
    let seen = fs::read_to_string(gateway.path("seen")).unwrap();
    let lines: Vec<_> = seen.lines().collect();
    let second = fs::read_to_string(&config.boot_id).unwrap();
    assert_eq!(lines, [format!("{id} A first"), format!("{id} B {}", second.trim())]);
}

fn systemd(directory: &Path, command: &[&str]) -> SystemdReboot {
    let boot_id = directory.join("boot_id");
    fs::write(&boot_id, "5f\n").unwrap();
    let command = command.iter().map(|word| (*word).to_owned()).collect();
    SystemdReboot::open(SystemdRebootConfig { command, boot_id }).unwrap()
}

#[tokio::test]
async fn a_gateway_is_restarted_by_its_service_manager() {
    let directory = TempDir::new().unwrap();
    let mark = directory.path().join("asked");
    let asks = systemd(directory.path(), &["touch", mark.to_str().unwrap()]);
    assert_eq!(asks.boot_id(), "5f");
    asks.reboot(clearance()).await.unwrap();
    assert!(mark.exists());
    let refuses = systemd(directory.path(), &["sh", "-c", "echo Access denied >&2; exit 4"]);
    let error = refuses.reboot(clearance()).await.unwrap_err();
    assert!(error.to_string().contains("Access denied"), "{error}");
    let absent = systemd(directory.path(), &["/nonexistent/systemctl"]);
    assert!(absent.reboot(clearance()).await.is_err());
    let own = SystemdReboot::open(SystemdRebootConfig::default()).unwrap();
    let kernel = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    assert_eq!(own.boot_id(), kernel.trim());
}
