//! Slots on files and loop devices: what is written, what is refused, what the read-back finds.

#![cfg(test)]

mod device;

use device::{Gateway, Loop, Mount, clearance, is_root, noise, run};
use ota_core::{Bundle, FailureCode, SlotId};
use ota_engine::ports::{ImageSource, Meter, ReadBack, SlotUsage, Slots, StepError};
use ota_platform::{CmdlineError, DeviceSlots, SlotsConfig, is_mounted};
use std::fs::{self, File};
use std::os::unix::fs::{FileExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

const MIB: usize = 1 << 20;
/// No multiple of any sector.
const ODD: usize = 3 * MIB + 1234;

fn code(error: &StepError) -> FailureCode {
    error.failure().map(|failure| failure.code).unwrap()
}

async fn write(slots: &DeviceSlots, slot: SlotId, bundle: &(PathBuf, Bundle)) -> Result<(), StepError> {
    let meter = Meter::default();
    let written = slots
        .write(
            slot,
            ImageSource::Bundle(bundle.0.clone()),
            &bundle.1,
            clearance(),
            &meter,
            &CancellationToken::new(),
        )
        .await;
    if written.is_ok() {
        let total: u64 = bundle.1.images.iter().map(|image| image.size).sum();
        assert_eq!(meter.read(), (total, total));
    }
    written
}

async fn read_back(slots: &DeviceSlots, slot: SlotId, bundle: &Bundle) -> Result<ReadBack, StepError> {
    let meter = Meter::default();
    slots.read_back(slot, bundle, &meter, &CancellationToken::new()).await
}

fn open(config: SlotsConfig) -> DeviceSlots {
    DeviceSlots::open(config).unwrap()
}

#[tokio::test]
async fn an_image_of_any_length_is_written_and_nothing_behind_it() {
    for length in [1, 4095, 4096, MIB, MIB + 1, ODD, 5 * MIB] {
        let gateway = Gateway::new(6 * MIB);
        let image = noise(length, 1);
        let bundle = gateway.bundle("a.raucb", &[("rootfs", &image)]);
        let slots = open(gateway.slots());
        slots.check_fit(SlotId::B, &bundle.1).await.unwrap();
        write(&slots, SlotId::B, &bundle).await.unwrap();
        assert_eq!(read_back(&slots, SlotId::B, &bundle.1).await.unwrap().slot(), SlotId::B);
        let found = fs::read(gateway.slot(SlotId::B)).unwrap();
        assert!(found[..length] == image, "{length}");
        assert!(found.len() == 6 * MIB && found[length..].iter().all(|byte| *byte == 0xaa), "{length}");
    }
}

#[tokio::test]
async fn a_slot_may_be_exactly_as_long_as_its_image() {
    let gateway = Gateway::new(ODD);
    let bundle = gateway.bundle("a.raucb", &[("rootfs", &noise(ODD, 2))]);
    let slots = open(gateway.slots());
    write(&slots, SlotId::B, &bundle).await.unwrap();
    read_back(&slots, SlotId::B, &bundle.1).await.unwrap();
    assert_eq!(fs::metadata(gateway.slot(SlotId::B)).unwrap().len(), ODD as u64);
}

#[tokio::test]
async fn a_block_device_is_a_slot_like_a_file() {
    if !is_root("a_block_device_is_a_slot_like_a_file") {
        return;
    }
    let gateway = Gateway::new(8 * MIB);
    let image = noise(ODD, 3);
    let bundle = gateway.bundle("a.raucb", &[("rootfs", &image)]);
    let device = Loop::attach(&gateway.slot(SlotId::B));
    let slots = open(gateway.slots_at(&gateway.slot(SlotId::A), &device.0));
    assert_eq!(slots.usage(SlotId::B).await.unwrap(), SlotUsage { size: 8 * MIB as u64, used: None });
    write(&slots, SlotId::B, &bundle).await.unwrap();
    read_back(&slots, SlotId::B, &bundle.1).await.unwrap();
    let mut found = vec![0; ODD];
    File::open(&device.0).unwrap().read_exact_at(&mut found, 0).unwrap();
    assert!(found == image);
}

#[tokio::test]
async fn a_mounted_slot_is_refused() {
    if !is_root("a_mounted_slot_is_refused") {
        return;
    }
    let gateway = Gateway::new(8 * MIB);
    gateway.format(SlotId::B);
    let bundle = gateway.bundle("a.raucb", &[("rootfs", &noise(MIB, 3))]);
    let device = Loop::attach(&gateway.slot(SlotId::B));
    let mount = Mount::new(&[device.0.to_str().unwrap()], &gateway.path("mounted"));
    let slots = open(gateway.slots_at(&gateway.slot(SlotId::A), &device.0));
    let refused = write(&slots, SlotId::B, &bundle).await.unwrap_err();
    assert!(refused.to_string().contains("in use"), "{refused}");
    drop(mount);
    write(&slots, SlotId::B, &bundle).await.unwrap();
}

#[tokio::test]
async fn before_anything_is_mounted_the_slot_that_starts_can_be_written() {
    let gateway = Gateway::new(4 * MIB);
    let bundle = gateway.bundle("a.raucb", &[("rootfs", &noise(ODD, 1))]);
    for starts in SlotId::ALL {
        gateway.boot_from(starts);
        let slots = DeviceSlots::before_mount(gateway.slots()).unwrap();
        for slot in SlotId::ALL {
            write(&slots, slot, &bundle).await.unwrap();
            read_back(&slots, slot, &bundle.1).await.unwrap();
        }
        let refused = write(&open(gateway.slots()), starts, &bundle).await.unwrap_err();
        assert!(refused.to_string().contains("holds the running system"), "once it runs: {refused}");
    }
}

#[tokio::test]
async fn before_the_start_a_slot_that_is_mounted_all_the_same_is_refused() {
    if !is_root("before_the_start_a_slot_that_is_mounted_all_the_same_is_refused") {
        return;
    }
    let gateway = Gateway::new(4 * MIB);
    gateway.format(SlotId::A);
    gateway.boot_from(SlotId::A);
    let bundle = gateway.bundle("a.raucb", &[("rootfs", &noise(MIB, 1))]);
    let device = Loop::attach(&gateway.slot(SlotId::A));
    assert!(!is_mounted(&device.0).unwrap());
    let mount = Mount::new(&["-o", "ro", device.0.to_str().unwrap()], &gateway.path("mounted"));
    // As the device, and as the file that the device is on.
    for place in [device.0.clone(), gateway.slot(SlotId::A)] {
        assert!(is_mounted(&place).unwrap(), "{}", place.display());
        let config = gateway.slots_at(&place, &gateway.slot(SlotId::B));
        let slots = DeviceSlots::before_mount(config).unwrap();
        let refused = write(&slots, SlotId::A, &bundle).await.unwrap_err();
        assert_eq!(code(&refused), FailureCode::InstallFailed, "{refused}");
    }
    drop(mount);
    write(&DeviceSlots::before_mount(gateway.slots()).unwrap(), SlotId::A, &bundle).await.unwrap();
}

async fn refuses_to_write(gateway: &Gateway, slots: DeviceSlots, slot: SlotId, bundle: &(PathBuf, Bundle)) {
    let refused = write(&slots, slot, bundle).await.unwrap_err();
    assert_eq!(code(&refused), FailureCode::InstallFailed);
    assert!(refused.to_string().contains("holds the running system"), "{refused}");
    let running = fs::read(gateway.slot(SlotId::A)).unwrap();
    assert!(running.iter().all(|byte| *byte == 0xaa), "the running slot was written");
}

#[tokio::test]
async fn the_running_slot_is_never_written_under_any_name() {
    let gateway = Gateway::new(2 * MIB);
    let bundle = gateway.bundle("a.raucb", &[("rootfs", &noise(MIB, 4))]);
    let (a, b) = (gateway.slot(SlotId::A), gateway.path("other"));

    refuses_to_write(&gateway, open(gateway.slots()), SlotId::A, &bundle).await;
    refuses_to_write(&gateway, open(gateway.slots_at(&a, &a)), SlotId::B, &bundle).await;
    symlink(&a, &b).unwrap();
    refuses_to_write(&gateway, open(gateway.slots_at(&a, &b)), SlotId::B, &bundle).await;
    refuses_to_write(&gateway, open(gateway.slots_at(&b, &a)), SlotId::B, &bundle).await;
    fs::remove_file(&b).unwrap();
    fs::hard_link(&a, &b).unwrap();
    refuses_to_write(&gateway, open(gateway.slots_at(&a, &b)), SlotId::B, &bundle).await;

    if is_root("the_running_slot_is_never_written_under_any_name") {
        let (first, second) = (Loop::attach(&a), Loop::attach(&a));
        refuses_to_write(&gateway, open(gateway.slots_at(&a, &first.0)), SlotId::B, &bundle).await;
        refuses_to_write(&gateway, open(gateway.slots_at(&first.0, &a)), SlotId::B, &bundle).await;
        refuses_to_write(&gateway, open(gateway.slots_at(&first.0, &second.0)), SlotId::B, &bundle).await;
    }
}

#[tokio::test]
async fn nothing_is_written_while_the_running_slot_cannot_be_told() {
    let gateway = Gateway::new(2 * MIB);
    let bundle = gateway.bundle("a.raucb", &[("rootfs", &noise(MIB, 5))]);
    let slots = open(gateway.slots_at(&gateway.path("gone"), &gateway.slot(SlotId::B)));
    assert_eq!(code(&write(&slots, SlotId::B, &bundle).await.unwrap_err()), FailureCode::InstallFailed);
    assert!(fs::read(gateway.slot(SlotId::B)).unwrap().iter().all(|byte| *byte == 0xaa));

    fs::write(gateway.path("cmdline"), "ro quiet\n").unwrap();
    assert!(matches!(DeviceSlots::open(gateway.slots()), Err(CmdlineError::Missing { .. })));
}

#[tokio::test]
async fn one_flipped_bit_anywhere_is_found() {
    let gateway = Gateway::new(4 * MIB);
    let bundle = gateway.bundle("a.raucb", &[("rootfs", &noise(ODD, 6))]);
    let slots = open(gateway.slots());
    write(&slots, SlotId::B, &bundle).await.unwrap();
    let file = File::options().read(true).write(true).open(gateway.slot(SlotId::B)).unwrap();
    for place in [0, MIB as u64, ODD as u64 - 1] {
        let mut byte = [0];
        file.read_exact_at(&mut byte, place).unwrap();
        file.write_all_at(&[byte[0] ^ 1], place).unwrap();
        let found = read_back(&slots, SlotId::B, &bundle.1).await.unwrap_err();
        assert_eq!(code(&found), FailureCode::InstallFailed, "{place}");
        file.write_all_at(&byte, place).unwrap();
    }
    file.write_all_at(&[0], ODD as u64).unwrap();
    read_back(&slots, SlotId::B, &bundle.1).await.unwrap();
}

#[tokio::test]
async fn an_image_that_does_not_fit_is_refused_before_a_byte_is_written() {
    let gateway = Gateway::new(MIB);
    let bundle = gateway.bundle("a.raucb", &[("rootfs", &noise(MIB + 1, 7))]);
    let slots = open(gateway.slots());
    for refused in [
        slots.check_fit(SlotId::B, &bundle.1).await.unwrap_err(),
        write(&slots, SlotId::B, &bundle).await.unwrap_err(),
    ] {
        assert_eq!(code(&refused), FailureCode::InsufficientSpace);
        assert!(refused.to_string().contains("1.0 MB"), "{refused}");
    }
    assert!(fs::read(gateway.slot(SlotId::B)).unwrap().iter().all(|byte| *byte == 0xaa));
    assert_eq!(code(&read_back(&slots, SlotId::B, &bundle.1).await.unwrap_err()), FailureCode::InstallFailed);
}

#[tokio::test]
async fn images_without_a_place_and_bundles_without_a_root_image_are_refused() {
    let gateway = Gateway::new(MIB);
    let slots = open(gateway.slots());
    for images in [&[("rootfs", &b"root"[..]), ("appfs", b"app")][..], &[("appfs", b"app")]] {
        let bundle = gateway.bundle("a.raucb", images);
        assert_eq!(
            code(&slots.check_fit(SlotId::B, &bundle.1).await.unwrap_err()),
            FailureCode::InvalidImage
        );
        assert_eq!(code(&write(&slots, SlotId::B, &bundle).await.unwrap_err()), FailureCode::InvalidImage);
    }
}

#[tokio::test]
async fn every_image_goes_to_the_place_of_its_class() {
    let gateway = Gateway::new(MIB);
    let application = gateway.path("app-B.img");
    fs::write(&application, vec![0; MIB]).unwrap();
    let mut config = gateway.slots();
    config.places.b.insert("appfs".to_owned(), application.clone());
    let slots = open(config);
    let bundle = gateway.bundle("a.raucb", &[("rootfs", &noise(5000, 1)), ("appfs", &noise(6000, 2))]);
    write(&slots, SlotId::B, &bundle).await.unwrap();
    read_back(&slots, SlotId::B, &bundle.1).await.unwrap();
    assert!(fs::read(&application).unwrap()[..6000] == noise(6000, 2));
    assert_eq!(slots.usage(SlotId::B).await.unwrap().size, 2 * MIB as u64);
}

#[tokio::test]
async fn a_bundle_that_was_exchanged_or_damaged_after_its_verification_is_refused() {
    let gateway = Gateway::new(2 * MIB);
    let slots = open(gateway.slots());
    let (path, facts) = gateway.bundle("a.raucb", &[("rootfs", &noise(MIB, 8))]);
    let (other, _) = gateway.bundle("b.raucb", &[("rootfs", &noise(MIB, 9))]);
    let exchanged = write(&slots, SlotId::B, &(other, facts.clone())).await.unwrap_err();
    assert!(exchanged.to_string().contains("not the one that was verified"), "{exchanged}");

    let file = File::options().write(true).open(&path).unwrap();
    file.write_all_at(b"x", 100_000).unwrap();
    let damaged = write(&slots, SlotId::B, &(path, facts.clone())).await.unwrap_err();
    assert_eq!(code(&damaged), FailureCode::InstallFailed);

    let gone = write(&slots, SlotId::B, &(gateway.path("gone"), facts)).await.unwrap_err();
    assert!(gone.to_string().contains("cannot be read"), "{gone}");
    assert!(fs::read(gateway.slot(SlotId::B)).unwrap().iter().all(|byte| *byte == 0xaa));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_ends_writing_and_reading_back() {
    let gateway = Gateway::new(64 * MIB);
    let (path, facts) = gateway.bundle("a.raucb", &[("rootfs", &noise(64 * MIB, 10))]);
    let slots = Arc::new(open(gateway.slots()));
    let cancel = CancellationToken::new();
    let meter = Arc::new(Meter::default());
    let writing = tokio::spawn({
        let (slots, meter, cancel, facts) = (slots.clone(), meter.clone(), cancel.clone(), facts.clone());
        async move {
            slots.write(SlotId::B, ImageSource::Bundle(path), &facts, clearance(), &meter, &cancel).await
        }
    });
    while meter.read().0 == 0 {
        assert!(!writing.is_finished());
        tokio::task::yield_now().await;
    }
    cancel.cancel();
    assert_eq!(writing.await.unwrap(), Err(StepError::Cancelled));
    assert!(meter.read().0 < meter.read().1);
    let read = slots.read_back(SlotId::B, &facts, &Meter::default(), &cancel).await;
    assert_eq!(read.unwrap_err(), StepError::Cancelled);
}

#[tokio::test]
async fn a_full_file_system_is_a_lack_of_space() {
    if !is_root("a_full_file_system_is_a_lack_of_space") {
        return;
    }
    let gateway = Gateway::new(MIB);
    let mount = Mount::new(&["-t", "tmpfs", "-o", "size=2m", "none"], &gateway.path("small"));
    let place = mount.0.join("slot");
    File::create(&place).unwrap().set_len(16 * MIB as u64).unwrap();
    let slots = open(gateway.slots_at(&gateway.slot(SlotId::A), &place));
    let bundle = gateway.bundle("a.raucb", &[("rootfs", &noise(8 * MIB, 11))]);
    slots.check_fit(SlotId::B, &bundle.1).await.unwrap();
    let full = write(&slots, SlotId::B, &bundle).await.unwrap_err();
    assert_eq!(code(&full), FailureCode::InsufficientSpace);
    assert!(full.to_string().contains("at byte"), "{full}");
}

#[tokio::test]
async fn storage_without_direct_io_is_written_and_read_all_the_same() {
    if !is_root("storage_without_direct_io_is_written_and_read_all_the_same") {
        return;
    }
    // ramfs knows no direct I/O.
    let gateway = Gateway::new(MIB);
    let mount = Mount::new(&["-t", "ramfs", "none"], &gateway.path("ram"));
    let place = mount.0.join("slot");
    fs::write(&place, vec![0xaa; 12 * MIB]).unwrap();
    let image = noise(10 * MIB + 77, 12);
    let bundle = gateway.bundle("a.raucb", &[("rootfs", &image)]);
    let slots = open(gateway.slots_at(&gateway.slot(SlotId::A), &place));
    write(&slots, SlotId::B, &bundle).await.unwrap();
    read_back(&slots, SlotId::B, &bundle.1).await.unwrap();
    assert!(fs::read(&place).unwrap()[..image.len()] == image);
}

#[tokio::test]
async fn usage_is_that_of_the_file_system() {
    let gateway = Gateway::new(MIB);
    let slots = open(gateway.slots());
    assert_eq!(slots.usage(SlotId::B).await.unwrap(), SlotUsage { size: MIB as u64, used: None });
    gateway.format(SlotId::B);
    let usage = slots.usage(SlotId::B).await.unwrap();
    assert_eq!(usage.size, 8 * MIB as u64);
    let text = run("dumpe2fs", &["-h", gateway.slot(SlotId::B).to_str().unwrap()]);
    assert!(usage.used.is_some_and(|used| used > 0 && used < usage.size), "{usage:?} {text}");
    fs::remove_file(gateway.slot(SlotId::B)).unwrap();
    assert_eq!(code(&slots.usage(SlotId::B).await.unwrap_err()), FailureCode::InstallFailed);
    assert!(!Path::new(&gateway.slot(SlotId::B)).exists());
}
