//! `audit`: the log of a gateway is read, exported and verified by the real program, and each way to tamper with it is found.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use serde_json::{Value, json};
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;
use support::{Site, failed, json, out, program, succeeded, with_input};

/// A data directory whose log has eight records: four users were added.
struct Log {
    directory: tempfile::TempDir,
}

impl Log {
    fn new() -> Self {
        let log = Self { directory: tempfile::tempdir().unwrap() };
        for name in ["ann", "bob", "cem", "dot"] {
            succeeded(&log.run(&["user", "add", name, "--role", "viewer"], "a long password\n"));
        }
        log
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn run(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = program();
        command.arg("--data-dir").arg(self.path()).args(arguments);
        command.env_remove("SUDO_USER").env_remove("LOGNAME").env("USER", "tester");
        with_input(command, input)
    }

    fn audit(&self, arguments: &[&str]) -> Output {
        self.run(&[&["audit"], arguments].concat(), "")
    }

    fn export(&self, name: &str) -> PathBuf {
        let file = self.path().join(name);
        std::fs::write(&file, succeeded(&self.audit(&["export"]))).unwrap();
        file
    }

    /// Changes the database with the file itself, the way around the program; the guards of the table are taken away first.
    async fn tamper(&self, statement: &'static str) {
        let options = SqliteConnectOptions::new().filename(self.path().join("gateway.db"));
        let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
        let guards = "DROP TRIGGER IF EXISTS audit_is_not_changed; DROP TRIGGER IF EXISTS audit_is_not_shortened;
                      DROP TRIGGER IF EXISTS audit_is_not_replaced; DROP TRIGGER IF EXISTS audit_head_goes_on";
        sqlx::raw_sql(guards).execute(&mut connection).await.unwrap();
        sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }

    /// `audit verify` finds a fault at this record, and says so in words and as JSON.
    fn is_broken_at(&self, arguments: &[&str], record: u64, words: &str) {
        let said = failed(&self.audit(&[&["verify"], arguments].concat()), 3);
        assert!(said.contains("not whole") && said.contains(words), "{said}");
        let output = self.audit(&[&["verify", "--json"], arguments].concat());
        failed(&output, 3);
        assert_eq!((&json(&output)["valid"], &json(&output)["record"]), (&json!(false), &json!(record)));
    }
}

#[test]
fn a_log_that_nobody_touched_is_whole_and_its_export_too() {
    let log = Log::new();
    let said = succeeded(&log.audit(&["verify"]));
    assert!(said.contains("The audit log is whole: 8 records."), "{said}");
    let head = json(&log.audit(&["verify", "--json"]))["head"].clone();
    assert_eq!(head["seq"], 8);
    assert!(said.contains(head["hash"].as_str().unwrap()), "{said}");

    let file = log.export("export.jsonl");
    let file = file.to_str().unwrap();
    assert_eq!(json(&log.audit(&["verify", file, "--json"]))["head"], head);
    succeeded(&log.run(&["user", "remove", "ann"], ""));
    succeeded(&log.audit(&["verify", "--against", file]));

    let listed = json(&log.audit(&["list", "--json", "--action", "user_remove"]));
    let of = |record: &Value| format!("{} {} {}", record["actor"], record["origin"], record["outcome"]);
    let listed: Vec<_> = listed.as_array().unwrap().iter().map(of).collect();
    let uid = rustix::process::getuid().as_raw();
    let who = format!("\"tester (uid {uid})\" \"local\"");
    assert_eq!(listed, [format!("{who} \"succeeded\""), format!("{who} \"attempted\"")]);
    assert_eq!(succeeded(&log.audit(&["list", "--outcome", "succeeded", "--limit", "2"])).lines().count(), 2);
    failed(&log.audit(&["list", "--action", "dance"]), 2);
}

#[test]
fn what_did_not_work_is_recorded_as_such() {
    let log = Log::new();
    failed(&log.run(&["user", "add", "ann", "--role", "admin"], "another password\n"), 1);
    let records = json(&log.audit(&["list", "--json", "--outcome", "failed"]));
    assert_eq!(records.as_array().unwrap().len(), 1);
    assert!(records[0]["detail"].as_str().unwrap().contains("already a user “ann”"), "{records}");
    assert!(!succeeded(&log.audit(&["export"])).contains("another password"));
}

#[tokio::test]
async fn a_changed_record_is_named() {
    let log = Log::new();
    log.tamper("UPDATE audit SET actor = 'nobody' WHERE seq = 5").await;
    log.is_broken_at(&[], 5, "record 5 was changed");
    assert_eq!(json(&log.audit(&["verify", "--json"]))["head"]["seq"], 4, "so far it holds");
    let file = log.export("export.jsonl");
    log.is_broken_at(&[file.to_str().unwrap()], 5, "record 5 was changed");
}

#[tokio::test]
async fn a_dropped_record_is_named_also_at_the_end() {
    let log = Log::new();
    log.tamper("DELETE FROM audit WHERE seq = 3").await;
    log.is_broken_at(&[], 3, "record 3 is missing");

    let log = Log::new();
    let export = log.export("export.jsonl");
    log.tamper("DELETE FROM audit WHERE seq > 6").await;
    log.is_broken_at(&[], 7, "the records after 6 are missing: there were 8");
    // What comes later does not close the gap.
    succeeded(&log.run(&["user", "remove", "ann"], ""));
    log.is_broken_at(&[], 7, "record 7 is missing: record 9 stands in its place");

    // Also the second place was put back: only what was kept elsewhere knows.
    let log = Log { directory: tempfile::tempdir().unwrap() };
    succeeded(&log.run(&["user", "add", "ann", "--role", "viewer"], "a long password\n"));
    log.is_broken_at(&["--against", export.to_str().unwrap()], 3, "the records after 2 are missing");
}

#[tokio::test]
async fn reordered_added_and_rewritten_records_are_named() {
    let log = Log::new();
    let export = log.export("export.jsonl");
    log.tamper(
        "UPDATE audit SET seq = 100 WHERE seq = 2; UPDATE audit SET seq = 2 WHERE seq = 4;
         UPDATE audit SET seq = 4 WHERE seq = 100",
    )
    .await;
    log.is_broken_at(&[], 2, "record 2 was changed");

    let log = Log::new();
    log.tamper(
        "INSERT INTO audit SELECT 9, at, 'mallory', origin, address, action, subject, reason, outcome, code, detail,
                                  hash, hash FROM audit WHERE seq = 8",
    )
    .await;
    log.is_broken_at(&[], 9, "record 9 was changed");

    // A whole chain of the same length, made anew by the program itself on another gateway.
    let log = Log { directory: tempfile::tempdir().unwrap() };
    for name in ["eve", "fay", "gus", "hal"] {
        succeeded(&log.run(&["user", "add", name, "--role", "admin"], "a long password\n"));
    }
    succeeded(&log.audit(&["verify"]));
    log.is_broken_at(&["--against", export.to_str().unwrap()], 8, "record 8 is another one");
}

#[test]
fn exported_files_are_read_with_care() {
    let log = Log::new();
    let file = log.export("export.jsonl");
    let text = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let broken = |name: &str, lines: &[&str], record: u64, words: &str| {
        let path = log.path().join(name);
        std::fs::write(&path, lines.join("\n")).unwrap();
        log.is_broken_at(&[path.to_str().unwrap()], record, words);
    };
    broken("swapped", &[lines[0], lines[2], lines[1]], 2, "record 2 is missing");
    broken("repeated", &[lines[0], lines[0]], 2, "stands in the place of record 2");
    broken("beheaded", &lines[1..], 1, "record 1 is missing");
    broken("nonsense", &[lines[0], "{\"seq\": 2}"], 2, "line 2 is not a record");
    let extra = lines[1].replacen('{', "{\"verified\":true,", 1);
    broken("added field", &[lines[0], &extra], 2, "line 2 is not a record");
    std::fs::write(log.path().join("binary"), [0xff, 0xfe, 0x0a]).unwrap();
    log.is_broken_at(&[log.path().join("binary").to_str().unwrap()], 1, "line 1 is not a record");
    assert!(failed(&log.audit(&["verify", "/nonexistent.jsonl"]), 1).contains("/nonexistent.jsonl"));
}

#[tokio::test]
async fn commands_do_nothing_that_they_cannot_record() {
    let log = Log::new();
    log.tamper("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no room'); END").await;
    for arguments in [
        ["user", "add", "eve", "--role", "admin"].as_slice(),
        ["user", "passwd", "ann"].as_slice(),
        ["user", "remove", "ann"].as_slice(),
    ] {
        let said = failed(&log.run(arguments, "a long password\n"), 1);
        assert!(said.contains("nothing was done"), "{arguments:?}: {said}");
    }
    let users = out(&log.run(&["user", "list"], ""));
    assert_eq!(users.lines().count(), 4, "{users}");
    succeeded(&log.audit(&["verify"]));
}

#[tokio::test]
async fn provisioning_is_recorded() {
    let site = Site::new().await;
    succeeded(&site.provision());
    let records = json(&site.run(&["audit", "list", "--json"]));
    let outcomes: Vec<_> =
        records.as_array().unwrap().iter().map(|r| (&r["action"], &r["outcome"])).collect();
    let provision = json!("provision");
    assert_eq!(outcomes, [(&provision, &json!("succeeded")), (&provision, &json!("attempted"))]);
    assert!(records[0]["detail"].as_str().unwrap().contains("A="), "{records}");
}

/// The database holds who did what: nobody else on the gateway may read it.
#[test]
fn the_log_is_private_to_its_owner() {
    let log = Log::new();
    let mode = std::fs::metadata(log.path().join("gateway.db")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
