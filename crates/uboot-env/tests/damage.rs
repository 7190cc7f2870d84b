//! Damaged copies, torn writes and truncated files: the other copy counts, for us as for `fw_printenv`.

#![cfg(test)]

mod common;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use common::{Rig, environment, lines, output};
use uboot_env::{Config, ConfigError, Environment, Error, FlagScheme, Location, Store, UpdateError};

const SIZE: usize = 256;

/// Two commits after the first state: copy 0 holds the newer `state=2`, copy 1 the older `state=1`.
fn rig() -> Rig {
    let rig = Rig::with(2, SIZE, &[("state", "0")]);
    for state in ["1", "2"] {
        rig.store().update(|env| env.set("state", state)).unwrap();
    }
    rig
}

fn state(environment: &Environment) -> &str {
    environment.get("state").unwrap()
}

#[test]
fn each_copy_damaged_in_turn_leaves_the_other() {
    for (damaged, left) in [(0, "1"), (1, "2")] {
        // In the CRC, in the entries, in the padding.
        for at in [0, 3, 5, 12, 40, SIZE - 1] {
            let rig = rig();
            rig.damage(|bytes| bytes[damaged * SIZE + at] ^= 0x10);
            let store = rig.store();
            assert_eq!(state(&store.read().unwrap()), left, "copy {damaged}, byte {at}");
            assert_eq!(rig.printenv(), format!("state={left}\n").into_bytes());
            let status = store.status().unwrap();
            assert_eq!([status[0].valid, status[1].valid], [damaged != 0, damaged != 1]);
            assert_eq!([status[0].active, status[1].active], [damaged != 0, damaged != 1]);

            // The next commit repairs: it writes the damaged copy and leaves the other alone.
            let kept = rig.copy(1 - damaged);
            store.update(|env| env.set("state", "repaired")).unwrap();
            assert_eq!(rig.copy(1 - damaged), kept);
            assert!(store.status().unwrap().iter().all(|copy| copy.valid));
            assert_eq!(rig.printenv(), b"state=repaired\n");
        }
    }
}

#[test]
fn no_valid_copy_is_said_and_nothing_is_written() {
    for copies in [1, 2] {
        let rig = Rig::with(copies, SIZE, &[("state", "0")]);
        rig.damage(|bytes| bytes.iter_mut().step_by(SIZE).for_each(|byte| *byte ^= 1));
        let before = rig.bytes();
        let store = rig.store();
        assert!(matches!(store.read(), Err(Error::NoValidCopy)));
        let refused = store.update(|env| env.set("state", "1"));
        assert!(matches!(refused, Err(UpdateError::Environment(Error::NoValidCopy))));
        assert!(store.status().unwrap().iter().all(|copy| !copy.valid && !copy.active));
        assert_eq!(rig.bytes(), before);
        assert!(!output(rig.fw("fw_printenv")).status.success(), "and the stock tool says so, too");
    }
}

#[test]
fn a_write_torn_at_any_byte_leaves_the_state_before_or_after() {
    let rig = rig();
    let before = rig.bytes();
    rig.store().update(|env| env.set("state", "3")).unwrap();
    let after = rig.bytes();
    let store = Store::open(rig.private_config());
    for torn in 0..=SIZE {
        let at = SIZE + torn;
        fs::write(rig.env_path(), [&before[..SIZE], &after[SIZE..at], &before[at..]].concat()).unwrap();
        let seen = store.read().unwrap();
        assert!(["2", "3"].contains(&state(&seen)), "{torn}: {seen:?}");
        if torn % 16 < 6 {
            assert_eq!(rig.printenv(), lines(&seen), "{torn}");
        }
        store.update(|env| env.set("state", "next")).unwrap();
        assert_eq!(state(&store.read().unwrap()), "next", "{torn}");
    }
    assert_eq!(rig.printenv(), b"state=next\n");
}

#[test]
fn a_truncated_file_is_read_from_the_copy_that_is_left_and_not_grown() {
    for length in [SIZE, SIZE + 1, SIZE + 5, 2 * SIZE - 1] {
        let rig = rig();
        let whole = rig.bytes();
        fs::write(rig.env_path(), &whole[..length]).unwrap();
        let store = rig.store();
        assert_eq!(state(&store.read().unwrap()), "2");
        let status = store.status().unwrap();
        assert!(status[0].active && !status[1].valid);
        assert!(matches!(status[1].unreadable, Some(Error::OutsideDevice { length: found, .. })
            if found == length as u64));
        let refused = store.update(|env| env.set("state", "3"));
        assert!(matches!(refused, Err(UpdateError::Environment(Error::OutsideDevice { .. }))));
        assert_eq!(rig.bytes(), whole[..length]);
        // Provisioning again is the way out.
        Store::create(rig.config(), &store.read().unwrap()).unwrap();
        assert_eq!(rig.printenv(), b"state=2\n");
    }
    let rig = rig();
    fs::write(rig.env_path(), "").unwrap();
    assert!(matches!(rig.store().read(), Err(Error::OutsideDevice { .. })));
}

#[test]
fn the_boolean_scheme_reads_like_a_boot_loader_and_marks_the_superseded_copy() {
    let rig = Rig::new(2, SIZE);
    let config = rig.private_config().with_scheme(FlagScheme::Boolean);
    let store = Store::create(config, &environment(&[("state", "0")])).unwrap();
    for n in 1..6 {
        let used = rig.copy((n + 1) % 2);
        store.update(|env| env.set("state", n.to_string())).unwrap();
        assert_eq!((rig.copy(n % 2)[4], rig.copy((n + 1) % 2)[4]), (1, 0));
        assert_eq!(rig.copy((n + 1) % 2)[5..], used[5..], "only the flag of the superseded copy changes");
        assert_eq!(rig.printenv(), format!("state={n}\n").into_bytes());
    }
    // Power went before the mark: both active, the first counts, and the next commit writes the second.
    rig.damage(|bytes| (bytes[4], bytes[SIZE + 4]) = (1, 1));
    assert!(store.status().unwrap()[0].active);
    assert_eq!(state(&store.read().unwrap()), "4");
    store.update(|env| env.set("state", "again")).unwrap();
    assert_eq!((rig.copy(0)[4], rig.copy(1)[4]), (0, 1));
    assert_eq!(state(&store.read().unwrap()), "again");
}

#[test]
fn a_new_environment_over_an_old_one_always_leaves_a_valid_copy() {
    let rig = rig();
    let before = rig.bytes();
    Store::create(rig.private_config(), &environment(&[("state", "fresh")])).unwrap();
    let after = rig.bytes();
    let store = Store::open(rig.private_config());
    // The second copy is written first, then the first.
    for torn in 0..=2 * SIZE {
        let mut bytes = before.clone();
        let second = torn.min(SIZE);
        let first = torn.saturating_sub(SIZE);
        bytes[SIZE..SIZE + second].copy_from_slice(&after[SIZE..SIZE + second]);
        bytes[..first].copy_from_slice(&after[..first]);
        fs::write(rig.env_path(), bytes).unwrap();
        let seen = store.read().unwrap();
        assert!(["1", "2", "fresh"].contains(&state(&seen)), "{torn}: {seen:?}");
    }
    assert_eq!(state(&store.read().unwrap()), "fresh");
}

#[test]
fn odd_places_are_refused() {
    let rig = rig();
    let open =
        |copies: Vec<Location>| Store::open(Config::new(copies).unwrap().with_lock_file(rig.path("lock")));
    let refused = open(vec![Location::new("/dev/null", 0, 256)]).read();
    assert!(matches!(refused, Err(Error::UnsupportedDevice { .. })));
    let refused = open(vec![Location::new(rig.env_path(), -100, 256)]).read();
    assert!(matches!(refused, Err(Error::OutsideDevice { .. })));
    let refused = open(vec![Location::new(rig.env_path(), i64::MAX, 256)]).read();
    assert!(matches!(refused, Err(Error::OutsideDevice { .. })));
    let refused = Store::open(rig.config().with_lock_file(rig.path("absent/lock"))).read();
    assert!(matches!(refused, Err(Error::Lock { .. })));

    // Counted from the end, the same copy: the rig has 64 spare bytes behind both.
    let from_end = open(vec![Location::new(rig.env_path(), -(2 * 256 + 64), 256)]);
    assert!(from_end.status().unwrap()[0].unreadable.is_none());

    // Two names of one place.
    symlink(rig.env_path(), rig.path("alias")).unwrap();
    let one_place =
        open(vec![Location::new(rig.env_path(), 0, 256), Location::new(rig.path("alias"), 0, 256)]);
    assert!(matches!(one_place.read(), Err(Error::Config(ConfigError::Overlap { .. }))));

    // Fields are public: nonsense in them is an error, too.
    let mut config = rig.private_config();
    config.copies.clear();
    assert!(matches!(Store::open(config).read(), Err(Error::Config(ConfigError::CopyCount { found: 0 }))));

    // A mistyped device does not become a file.
    let absent = Path::new("/dev/no-such-device-of-uboot-env");
    let config = Config::new(vec![Location::new(absent, 0, 256)]).unwrap().with_lock_file(rig.path("lock"));
    assert!(Store::create(config, &Environment::new()).is_err());
    assert!(!absent.exists());
}
