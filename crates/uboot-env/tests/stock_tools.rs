//! `mkenvimage`, `fw_printenv` and `fw_setenv` read what we write, and we read what they write.

#![cfg(test)]

mod common;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use common::{Rig, environment, lines, output};
use proptest::prelude::*;
use uboot_env::{Environment, Error, InvalidVariable, Store};

const RAUC: &[(&str, &str)] = &[("BOOT_A_LEFT", "3"), ("BOOT_B_LEFT", "0"), ("BOOT_ORDER", "A B")];

#[test]
fn a_fresh_environment_is_byte_for_byte_that_of_mkenvimage() {
    for copies in [1, 2] {
        for variables in [RAUC, &[]] {
            let rig = Rig::with(copies, 512, variables);
            let image = rig.mkenvimage(&lines(&environment(variables)), &[]);
            assert_eq!(rig.copy(0), image, "{copies} {variables:?}");
            assert_eq!(rig.printenv(), lines(&environment(variables)));
        }
    }
    let rig = Rig::with(2, 512, RAUC);
    assert_eq!(rig.copy(0)[..4], rig.copy(1)[..4], "both copies hold the same");
    assert_eq!((rig.copy(0)[4], rig.copy(1)[4]), (1, 0));
}

#[test]
fn an_image_of_mkenvimage_is_read_whatever_its_order_and_padding() {
    for copies in [1, 2] {
        for padding in ["-p0", "-p255"] {
            let rig = Rig::new(copies, 512);
            let image = rig.mkenvimage(b"zz=last\n# comment\nkey=a=b\nkey=again\nnovalue\n", &[padding]);
            let size = rig.size;
            rig.damage(|bytes| {
                (0..copies).for_each(|copy| bytes[copy * size..][..size].copy_from_slice(&image))
            });
            let env = rig.store().read().unwrap();
            assert_eq!(env, environment(&[("key", "again"), ("zz", "last")]));
            assert_eq!(rig.printenv(), lines(&env));
            rig.store().update(|env| env.set("key", "ours")).unwrap();
            assert_eq!(rig.printenv(), b"key=ours\nzz=last\n");
        }
    }
}

#[test]
fn commits_alternate_with_those_of_fw_setenv() {
    for copies in [1, 2] {
        let rig = Rig::with(copies, 1024, RAUC);
        for round in 0..6 {
            rig.setenv_script(&format!("theirs={round}\nBOOT_ORDER=B A {round}\n"));
            assert_eq!(rig.store().read().unwrap().get("BOOT_ORDER"), Some(format!("B A {round}").as_str()));
            rig.store()
                .update(|env| {
                    assert_eq!(env.get("theirs"), Some(round.to_string().as_str()));
                    env.set("ours", round.to_string())?;
                    env.unset("theirs");
                    env.set("BOOT_ORDER", "A B")
                })
                .unwrap();
            assert_eq!(rig.printenv(), lines(&rig.store().read().unwrap()));
            assert_eq!(rig.printenv_value("ours"), round.to_string().as_bytes());
            assert_eq!(rig.printenv_value("theirs"), b"");
        }
        if copies == 2 {
            let flags: Vec<_> = rig.store().status().unwrap().iter().map(|copy| copy.flag).collect();
            assert_eq!(flags, [Some(13), Some(12)], "twelve commits from 1 and 0 on, each on the older copy");
        }
    }
}

#[test]
fn the_counter_wraps_as_that_of_the_stock_tools() {
    let rig = Rig::with(2, 256, &[("n", "0")]);
    let store = Store::open(rig.private_config());
    for n in 1..600 {
        store.update(|env| env.set("n", n.to_string())).unwrap();
        let flags: Vec<_> = store.status().unwrap().iter().map(|copy| copy.flag.unwrap()).collect();
        assert!(flags.contains(&((n + 1) as u8)) && flags.contains(&(n as u8)), "{n}: {flags:?}");
        if n % 256 >= 252 || n % 256 <= 2 {
            assert_eq!(rig.printenv(), format!("n={n}\n").into_bytes());
        }
    }
    // The tool's own commit over the wrap: from 255 on.
    rig.damage(|bytes| (bytes[4], bytes[256 + 4]) = (255, 254));
    rig.setenv("n", "wrapped");
    assert_eq!((rig.copy(0)[4], rig.copy(1)[4]), (255, 0));
    assert_eq!(rig.store().read().unwrap().get("n"), Some("wrapped"));
}

#[test]
fn several_variables_are_one_commit_and_no_change_is_none() {
    let rig = Rig::with(2, 512, RAUC);
    let store = rig.store();
    let before = rig.bytes();
    store
        .update(|env| {
            env.set("BOOT_ORDER", "A B")?;
            env.set("gone", "soon")?;
            assert!(env.unset("gone"));
            assert!(!env.unset("never"));
            Ok::<_, InvalidVariable>(())
        })
        .unwrap();
    assert_eq!(rig.bytes(), before, "nothing differs, nothing is written");

    let refused = store.update(|env| {
        env.set("BOOT_ORDER", "B A")?;
        env.set("bad=name", "")
    });
    assert_eq!(refused.unwrap_err().to_string(), "\"bad=name\" cannot be the name of a boot variable");
    assert_eq!(rig.bytes(), before, "a change that fails writes nothing");

    store
        .update(|env| {
            env.set("BOOT_ORDER", "B A")?;
            env.set("BOOT_B_LEFT", "3")
        })
        .unwrap();
    let after = rig.bytes();
    assert_eq!(after[..512], before[..512], "the copy that was in use stays as it was");
    assert_eq!(
        after[1024..],
        before[1024..],
        "nothing behind the copies is touched, and the file keeps its length"
    );
    assert_eq!(rig.printenv(), b"BOOT_A_LEFT=3\nBOOT_B_LEFT=3\nBOOT_ORDER=B A\n");
}

#[test]
fn what_does_not_fit_is_refused_and_changes_nothing() {
    for (copies, room) in [(1, 252), (2, 251)] {
        let rig = Rig::with(copies, 256, RAUC);
        let store = rig.store();
        let before = rig.bytes();
        let rest = room - store.read().unwrap().encoded_len();
        // A new entry takes its name, its value, `=` and NUL.
        let refused = store.update(|env| env.set("x", "y".repeat(rest - 2))).unwrap_err();
        assert!(
            matches!(refused, uboot_env::UpdateError::Environment(Error::TooLarge { needed, available })
                if needed == room + 1 && available == room),
            "{refused}"
        );
        assert_eq!(rig.bytes(), before);
        store.update(|env| env.set("x", "y".repeat(rest - 3))).unwrap();
        assert_eq!(rig.printenv_value("x").len(), rest - 3);
        assert_eq!(rig.printenv(), lines(&store.read().unwrap()));
    }
}

#[test]
fn the_numbers_of_a_configuration_mean_what_they_mean_to_fw_printenv() {
    let rig = Rig::with(1, 0x1000, RAUC);
    let image = rig.copy(0);
    // Sizes are hexadecimal with or without 0x; an offset is decimal, hexadecimal or octal.
    for (offset, text) in
        [(0x800, "0x800 1000"), (2048, "2048 0x1000 200 1 # comment"), (0o4000, "  04000\t1000")]
    {
        let mut bytes = vec![0xaa; 0x1800];
        bytes[offset..].copy_from_slice(&image);
        fs::write(rig.env_path(), bytes).unwrap();
        let config = format!("# a comment\n\n{} {text}\n", rig.env_path().display());
        fs::write(rig.config_path(), config).unwrap();
        assert_eq!(rig.printenv(), lines(&environment(RAUC)), "{text}");
        assert_eq!(rig.store().read().unwrap(), environment(RAUC), "{text}");
    }
}

#[test]
fn copies_may_be_two_files_and_a_missing_one_is_made_only_by_create() {
    let rig = Rig::new(2, 512);
    let [first, second] = ["first.env", "second.env"].map(|name| rig.path(name));
    let config = format!("{} 0 200\n{} 0x100 200\n", first.display(), second.display());
    fs::write(rig.config_path(), config).unwrap();
    assert!(matches!(rig.store().read(), Err(Error::Io { action: "open", .. })));
    assert!(!first.exists() && !second.exists());
    let store = Store::create(rig.config(), &environment(RAUC)).unwrap();
    assert_eq!((fs::metadata(&first).unwrap().len(), fs::metadata(&second).unwrap().len()), (0x200, 0x300));
    assert_eq!(rig.printenv(), lines(&environment(RAUC)));
    store.update(|env| env.set("BOOT_ORDER", "B A")).unwrap();
    assert_eq!(rig.printenv_value("BOOT_ORDER"), b"B A");
    assert_eq!((fs::metadata(&first).unwrap().len(), fs::metadata(&second).unwrap().len()), (0x200, 0x300));
}

#[test]
fn a_missing_tool_is_named_with_its_package() {
    let run = std::panic::catch_unwind(|| output(std::process::Command::new("fw_no_such_tool")));
    let message = run.unwrap_err().downcast::<String>().unwrap();
    assert_eq!(*message, "fw_no_such_tool is missing: install the Debian package libubootenv-tool");
}

/// Names that a command line and a script can carry.
fn variables(value: &'static str) -> impl Strategy<Value = BTreeMap<String, String>> {
    proptest::collection::btree_map("[A-Za-z0-9_][A-Za-z0-9_.:/@-]{0,14}", value, 0..12)
}

fn build(variables: &BTreeMap<String, String>) -> Environment {
    let variables: Vec<_> = variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    environment(&variables)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn random_environments_are_shown_by_fw_printenv(wanted in variables("[^\0\n]{0,40}"), redundant in any::<bool>()) {
        let rig = Rig::new(1 + usize::from(redundant), 4096);
        let wanted = build(&wanted);
        Store::create(rig.config(), &wanted).unwrap();
        prop_assert_eq!(rig.printenv(), lines(&wanted));
        prop_assert_eq!(rig.store().read().unwrap(), wanted);
    }

    #[test]
    fn random_images_of_mkenvimage_are_ours(wanted in variables("[ -\\[\\]-~äß€]{0,40}"), redundant in any::<bool>()) {
        let rig = Rig::new(1 + usize::from(redundant), 4096);
        let wanted = build(&wanted);
        let image = rig.mkenvimage(&lines(&wanted), &[]);
        rig.damage(|bytes| bytes[..image.len()].copy_from_slice(&image));
        prop_assert_eq!(&rig.store().read().unwrap(), &wanted);
        let ours = Rig::new(rig.copies, 4096);
        Store::create(ours.config(), &wanted).unwrap();
        prop_assert_eq!(ours.copy(0), image);
    }

    #[test]
    fn random_changes_of_fw_setenv_are_read(
        scripted in variables("[!-~ä€]{1,40}"), value in proptest::collection::vec(1..=255u8, 0..60),
    ) {
        let rig = Rig::with(2, 4096, RAUC);
        let script = lines(&build(&scripted));
        rig.setenv_script(str::from_utf8(&script).unwrap());
        // By argument a value may be any bytes, line breaks included.
        rig.setenv("any-bytes", OsStr::from_bytes(&value));
        let env = rig.store().read().unwrap();
        for (name, value) in &scripted {
            prop_assert_eq!(env.get(name), Some(value.as_str()));
        }
        prop_assert_eq!(env.get_bytes("any-bytes"), Some(value.as_slice()));
        prop_assert_eq!(rig.printenv(), lines(&env));
        // And kept, byte for byte, by a change of ours to something else.
        rig.store().update(|env| env.set("BOOT_ORDER", "B A")).unwrap();
        prop_assert_eq!(rig.printenv_value("any-bytes"), value);
    }
}
