//! Our changes of the boot environment, as the stock tool reads them.

#![cfg(test)]

mod device;

use device::{Gateway, clearance, clearance_at};
use ota_core::{FailureCode, SlotId};
use ota_engine::ports::{BootEnvironment, PermittedChange, ReadBack, StepError};
use ota_platform::UbootEnvironment;
use std::fs;
use std::time::Duration;

const FRESH: &[(&str, &str)] =
    &[("BOOT_ORDER", "A B R"), ("BOOT_A_LEFT", "3"), ("BOOT_B_LEFT", "3"), ("ethaddr", "02:00:00:00:00:01")];

fn gateway(variables: &[(&str, &str)]) -> (Gateway, UbootEnvironment) {
    let gateway = Gateway::new(16);
    let environment = UbootEnvironment::open(&gateway.environment(variables)).unwrap();
    (gateway, environment)
}

#[tokio::test]
async fn every_change_is_what_fw_printenv_shows_and_what_is_returned() {
    let (gateway, environment) = gateway(FRESH);
    let changes = [
        PermittedChange::mark_bad(SlotId::B),
        PermittedChange::arm(&ReadBack::proven(SlotId::B), clearance(), 3),
        PermittedChange::disarm(SlotId::B, SlotId::A, 3),
        PermittedChange::mark_good(SlotId::B, 2),
        PermittedChange::commit(SlotId::B, 3),
    ];
    for change in changes {
        let wanted = environment.read().await.unwrap().with(change.change());
        let returned = environment.commit(change).await.unwrap();
        assert_eq!((&returned, &gateway.selection()), (&wanted, &wanted));
    }
    let variables = gateway.printenv();
    assert_eq!(variables["BOOT_ORDER"], "B A R", "a recovery slot keeps its place");
    assert_eq!(variables["ethaddr"], "02:00:00:00:00:01", "foreign variables stay");
}

#[tokio::test]
async fn a_slot_is_bad_also_where_a_boot_script_would_default_its_missing_counter() {
    let (gateway, environment) = gateway(&[("BOOT_ORDER", "A B"), ("BOOT_A_LEFT", "3")]);
    environment.commit(PermittedChange::mark_bad(SlotId::B)).await.unwrap();
    assert_eq!(gateway.printenv()["BOOT_B_LEFT"], "0");
}

#[tokio::test]
async fn an_environment_that_cannot_be_used_is_an_error_and_none_is_made() {
    let (gateway, environment) = gateway(FRESH);
    let file = gateway.path("uboot.env");
    let whole = fs::read(&file).unwrap();
    fs::write(&file, vec![0xff; whole.len()]).unwrap();
    let damaged = environment.commit(PermittedChange::mark_bad(SlotId::B)).await.unwrap_err();
    assert_eq!(damaged.failure().unwrap().code, FailureCode::InstallFailed);
    fs::remove_file(&file).unwrap();
    assert!(environment.read().await.is_err());
    assert!(environment.commit(PermittedChange::mark_bad(SlotId::B)).await.is_err());
    assert!(!file.exists());
}

#[tokio::test]
async fn a_slot_is_not_armed_by_a_clearance_of_long_ago() {
    let (_gateway, environment) = gateway(FRESH);
    let before = environment.read().await.unwrap();
    let change = PermittedChange::arm(&ReadBack::proven(SlotId::B), clearance_at(Duration::ZERO), 3);
    assert_eq!(environment.commit(change).await, Err(StepError::Late));
    assert_eq!(environment.read().await.unwrap(), before);
}
