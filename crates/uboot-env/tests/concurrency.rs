//! Many writers, ours and the stock ones: one lock, no lost update.

#![cfg(test)]

mod common;

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::{Rig, spawn};
use uboot_env::{InvalidVariable, Store};

const WRITERS: usize = 8;
const ROUNDS: usize = 40;

#[test]
fn eight_writers_and_a_loop_of_fw_setenv_lose_no_update() {
    let rig = Rig::with(2, 4096, &[("theirs", "0")]);
    let running = AtomicUsize::new(WRITERS);
    let mut their_commits = 0;
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (store, running) = (rig.store(), &running);
            scope.spawn(move || {
                for _ in 0..ROUNDS {
                    count_up(&store, writer);
                }
                running.fetch_sub(1, Ordering::Relaxed);
            });
        }
        // As long as ours write, and a few times at the least.
        while running.load(Ordering::Relaxed) > 0 || their_commits < 10 {
            their_commits += 1;
            rig.setenv("theirs", their_commits.to_string());
        }
    });

    let env = rig.store().read().unwrap();
    for writer in 0..WRITERS {
        for name in ["count", "again"] {
            let name = format!("{name}-{writer}");
            assert_eq!(env.get(&name), Some(ROUNDS.to_string().as_str()), "{name}");
        }
    }
    assert_eq!(env.get("theirs"), Some(their_commits.to_string().as_str()));
    let commits = WRITERS * ROUNDS + their_commits;
    let flags: Vec<_> = rig.store().status().unwrap().iter().filter_map(|copy| copy.flag).collect();
    assert!(flags.contains(&((commits + 1) as u8)), "one increment a commit, {commits} commits: {flags:?}");
    assert_eq!(rig.printenv(), common::lines(&env));
}

/// Two variables in one commit: whoever reads sees both or none.
fn count_up(store: &Store, writer: usize) {
    let names = [format!("count-{writer}"), format!("again-{writer}")];
    store
        .update(|env| {
            let count: usize = env.get(&names[0]).map_or(0, |count| count.parse().unwrap());
            assert_eq!(env.get(&names[0]), env.get(&names[1]));
            for name in &names {
                env.set(name, (count + 1).to_string())?;
            }
            Ok::<_, InvalidVariable>(())
        })
        .unwrap();
}

#[test]
fn fw_setenv_waits_for_a_commit_of_ours() {
    let rig = Rig::with(2, 512, &[("BOOT_ORDER", "A B")]);
    let mut child = rig
        .store()
        .update(|env| {
            env.set("BOOT_ORDER", "B A")?;
            let child = spawn(rig.fw("fw_setenv").args(["theirs", "1"]).stderr(Stdio::null()));
            wait_until_blocked(&child);
            Ok::<_, InvalidVariable>(child)
        })
        .unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(rig.printenv(), b"BOOT_ORDER=B A\ntheirs=1\n", "it read what we had written");
}

/// Until the kernel lists the process as waiting for a `flock`.
fn wait_until_blocked(child: &Child) {
    let deadline = Instant::now() + Duration::from_secs(60);
    let pid = child.id().to_string();
    loop {
        let locks = fs::read_to_string("/proc/locks").unwrap();
        let waits = |line: &str| {
            line.contains("-> FLOCK") && line.split_whitespace().any(|word| word == pid.as_str())
        };
        if locks.lines().any(waits) {
            return;
        }
        assert!(Instant::now() < deadline, "fw_setenv never waited for the lock:\n{locks}");
        thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_panicking_change_writes_nothing_and_leaves_the_lock_free() {
    let rig = Rig::with(2, 512, &[("BOOT_ORDER", "A B")]);
    let store = Store::open(rig.private_config());
    let before = rig.bytes();
    let outcome = thread::scope(|scope| {
        scope
            .spawn(|| {
                store.update(|env| -> Result<(), InvalidVariable> {
                    env.set("BOOT_ORDER", "B A")?;
                    panic!("in the middle of a change");
                })
            })
            .join()
    });
    assert!(outcome.is_err());
    assert_eq!(rig.bytes(), before);
    store.update(|env| env.set("BOOT_ORDER", "B A")).unwrap();
    assert_eq!(store.read().unwrap().get("BOOT_ORDER"), Some("B A"));
}

#[test]
fn the_lock_file_is_the_one_that_the_stock_tools_open() {
    assert_eq!(uboot_env::DEFAULT_LOCK_FILE, "/var/lock/fw_printenv.lock");
    let rig = Rig::with(1, 512, &[("a", "1")]);
    rig.printenv();
    assert!(Path::new(uboot_env::DEFAULT_LOCK_FILE).exists());
    assert_eq!(rig.config().lock_file, Path::new(uboot_env::DEFAULT_LOCK_FILE));
}
