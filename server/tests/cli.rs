//! The offline commands, on the real program.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use serde_json::json;
use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use support::{Site, err, failed, json, out, program, read, succeeded, with_input};

fn users(directory: &std::path::Path, arguments: &[&str], input: &str) -> std::process::Output {
    let mut command = program();
    command.arg("--data-dir").arg(directory).arg("user").args(arguments);
    with_input(command, input)
}

#[test]
fn users_are_managed_with_passwords_from_the_standard_input() {
    let place = tempfile::tempdir().unwrap();
    let directory = place.path().join("made/when/missing");
    succeeded(&users(&directory, &["add", "olga", "--role", "operator"], "correct horse\n"));
    succeeded(&users(&directory, &["add", "vic", "--role", "viewer"], "battery staple"));
    let again = failed(&users(&directory, &["add", "olga", "--role", "admin"], "other password\n"), 1);
    assert!(again.contains("already a user “olga”"), "{again}");
    succeeded(&users(&directory, &["add", "olga", "--role", "admin", "--if-missing"], ""));

    let listed = json(&users(&directory, &["list", "--json"], ""));
    let names: Vec<_> =
        listed.as_array().unwrap().iter().map(|user| (&user["name"], &user["role"])).collect();
    assert_eq!(names, [(&json!("olga"), &json!("operator")), (&json!("vic"), &json!("viewer"))]);
    assert!(!listed.to_string().contains("argon2"), "{listed}");

    succeeded(&users(&directory, &["passwd", "olga"], "another password\n"));
    succeeded(&users(&directory, &["remove", "vic"], ""));
    assert!(failed(&users(&directory, &["remove", "vic"], ""), 1).contains("no user “vic”"));
    assert!(failed(&users(&directory, &["passwd", "vic"], "any password\n"), 1).contains("no user “vic”"));
    assert_eq!(out(&users(&directory, &["list"], "")), "olga\toperator\n");
}

#[test]
fn users_that_cannot_be_are_refused() {
    let place = tempfile::tempdir().unwrap();
    let add = |arguments: &[&str], input: &str| users(place.path(), arguments, input);
    assert!(failed(&add(&["add", "x", "--role", "viewer"], "short\n"), 1).contains("8 to 256 characters"));
    assert!(failed(&add(&["add", "x", "--role", "viewer"], ""), 1).contains("8 to 256 characters"));
    assert!(failed(&add(&["add", "a b", "--role", "viewer"], "long enough\n"), 2).contains("letters"));
    assert!(
        failed(&add(&["add", "x", "--role", "root"], "long enough\n"), 2)
            .contains("viewer, operator and admin")
    );
    failed(&add(&["add", "x", "--role", "viewer", "--password", "long enough"], ""), 2);
    assert_eq!(out(&add(&["list"], "")), "");
}

#[test]
fn check_config_prints_values_with_origins_and_refuses_unknown_keys() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("config.toml");
    std::fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/../packaging/config.toml"), &file).unwrap();
    let mut command = program();
    command.arg("check-config").arg("--config").arg(&file).env("GATEWAY_OTA__LOG__FORMAT", "json");
    let shown = succeeded(&command.output().unwrap());
    assert!(shown.contains("gateway.id = \"GW-0000\"  # file "), "{shown}");
    assert!(shown.contains("boot.rollback_retries = 3  # default"), "{shown}");
    assert!(shown.contains("log.format = \"json\"  # environment GATEWAY_OTA__LOG__FORMAT"), "{shown}");

    let object = json(&command.arg("--json").output().unwrap());
    assert_eq!((&object["valid"], &object["problems"]), (&json!(true), &json!([])));

    std::fs::write(&file, "[server]\nlisten_on = \"x\"\n").unwrap();
    assert!(failed(&command.output().unwrap(), 2).contains("listen_on"));
    std::fs::write(&file, "[server]\nlisten = \"x\"\n").unwrap();
    let output = command.output().unwrap();
    failed(&output, 2);
    assert_eq!(json(&output)["valid"], json!(false));
    let problems = json(&output)["problems"].to_string();
    assert!(problems.contains("server.listen must be an address and a port"), "{problems}");
}

#[tokio::test]
async fn a_gateway_is_provisioned_once() {
    let site = Site::new().await;
    let before = failed(&site.run(&["status"]), 1);
    assert!(before.contains("boot environment"), "{before}");

    let said = succeeded(&site.provision());
    for part in
        ["Slot A: wrote v5.0.4", "Slot B: wrote v5.0.3", "order A B", "started slot A", "is provisioned"]
    {
        assert!(said.contains(part), "{said}");
    }
    let watched = [
        "uboot.env",
        "slots/A/rootfs.img",
        "slots/B/rootfs.img",
        "run/cmdline",
        "run/boot_id",
        "run/boot.log",
    ];
    let after: BTreeMap<_, _> = watched.iter().map(|name| (name, read(&site.path(name)))).collect();
    let status = json(&site.run(&["status", "--json"]));

    let said = succeeded(&site.provision());
    assert_eq!(said, "This gateway was provisioned before; nothing was changed.\n");
    for (name, content) in &after {
        assert!(read(&site.path(name)) == *content, "{name} has changed");
    }
    assert_eq!(json(&site.run(&["status", "--json"])), status);
    assert_eq!(
        (&status["booted"], &status["next_boot"], &status["job"]),
        (&json!("A"), &json!("A"), &json!(null))
    );
    assert_eq!(status["slots"][0]["installed"]["version"], "v5.0.4");
    assert_eq!(status["slots"][1]["installed"]["version"], "v5.0.3");
    assert_eq!(status["slots"][1]["tries_left"], 3);
    assert!(status["last_ota"].is_string());
    let shown = succeeded(&site.run(&["status"]));
    assert!(shown.contains("Running    slot A") && shown.contains("v5.0.3"), "{shown}");
}

#[tokio::test]
async fn the_slots_hold_the_signed_images_and_stock_tools_read_the_environment() {
    let site = Site::new().await;
    succeeded(&site.provision());
    let status = json(&site.run(&["status", "--json"]));
    for (index, slot) in ["A", "B"].into_iter().enumerate() {
        let installed = &status["slots"][index]["installed"];
        let length = usize::try_from(installed["image_bytes"].as_u64().unwrap()).unwrap();
        let content = read(&site.path(&format!("slots/{slot}/rootfs.img")));
        let digest = <sha2::Sha256 as sha2::Digest>::digest(&content[..length]);
        assert_eq!(hex::encode(digest), installed["sha256"].as_str().unwrap());
    }
    let object = json(&site.run(&["env", "--json"]));
    assert_eq!(object["next_boot"], "A");
    let shown = succeeded(&site.run(&["env"]));
    // The model's first start has taken a try.
    let variables = "BOOT_A_LEFT=2\nBOOT_B_LEFT=3\nBOOT_ORDER=A B\n";
    assert!(shown.starts_with(variables), "{shown}");
    if let Ok(stock) = Command::new("fw_printenv").arg("-c").arg(site.path("fw_env.config")).output() {
        let mut lines: Vec<_> = out(&stock).lines().map(str::to_owned).collect();
        lines.sort();
        assert_eq!(lines.join("\n") + "\n", variables);
    }
}

#[tokio::test]
async fn a_bundle_that_cannot_be_trusted_reaches_no_slot() {
    let site = Site::new().await;
    let bundle = site.path("factory/v5.0.3.raucb");
    let mut content = read(&bundle);
    let middle = content.len() / 2;
    content[middle] ^= 1;
    std::fs::write(&bundle, content).unwrap();
    let said = failed(&site.provision(), 1);
    assert!(said.contains("the bundle for slot B"), "{said}");
    let slot = read(&site.path("slots/A/rootfs.img"));
    assert!(slot.iter().all(|byte| *byte == 0), "the other bundle was good, and still nothing is half done");
    assert!(!site.path("uboot.env").exists() && !site.path("run/cmdline").exists());
}

#[tokio::test]
async fn a_damaged_boot_environment_is_never_replaced() {
    let site = Site::new().await;
    std::fs::write(site.path("uboot.env"), vec![0xff; 0x14000]).unwrap();
    let said = failed(&site.provision(), 1);
    assert!(said.contains("saveenv"), "{said}");
    assert!(read(&site.path("uboot.env")).iter().all(|byte| *byte == 0xff));
}

#[tokio::test]
async fn verify_accepts_what_is_signed_and_refuses_everything_else() {
    let site = Site::new().await;
    let good = site.path("factory/v5.0.4.raucb");
    let good = good.to_str().unwrap();
    let shown = succeeded(&site.run(&["verify", good]));
    assert!(shown.contains("v5.0.4") && shown.contains("Signer"), "{shown}");
    assert_eq!(json(&site.run(&["verify", good, "--json"]))["bundle"]["compatible"], "Univa-GW-Pro");

    let bad = site.path("bad.raucb");
    let mut content = read(good.as_ref());
    content[5000] ^= 1;
    std::fs::write(&bad, content).unwrap();
    let bad = bad.to_str().unwrap();
    assert!(failed(&site.run(&["verify", bad]), 3).contains("refused"));
    let output = site.run(&["verify", bad, "--json"]);
    failed(&output, 3);
    assert_eq!((&json(&output)["valid"], &json(&output)["code"]), (&json!(false), &json!("invalid_image")));
    std::fs::write(bad, b"no bundle at all").unwrap();
    failed(&site.run(&["verify", bad]), 3);
    assert!(failed(&site.run(&["verify", "/nonexistent.raucb"]), 1).contains("/nonexistent.raucb"));
    let other =
        site.command(&["verify", good]).env("GATEWAY_OTA__GATEWAY__MODEL", "Another-Model").output().unwrap();
    assert!(failed(&other, 3).contains("Univa-GW-Pro"), "{}", err(&other));
}

#[test]
fn a_reader_that_went_away_is_no_error() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let place = tempfile::tempdir().unwrap();
    for arguments in [["user", "list"].as_slice(), ["--help"].as_slice()] {
        let mut command = program();
        command.arg("--data-dir").arg(place.path()).args(arguments);
        let output = command
            .stdin(Stdio::null())
            .stdout(writer.try_clone().unwrap())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
            .wait_with_output()
            .unwrap();
        assert!(output.status.success() && err(&output).is_empty(), "{output:?}");
    }
}

/// `systemd-analyze verify` also looks for the program, which is not installed here.
#[test]
fn the_unit_is_accepted_by_systemd() {
    let unit = include_str!("../../packaging/gateway-ota.service");
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("gateway-ota.service");
    let here = env!("CARGO_BIN_EXE_gateway-ota");
    std::fs::write(&path, unit.replace("/usr/bin/gateway-ota", here)).unwrap();
    let Ok(output) = Command::new("systemd-analyze").arg("verify").arg(&path).output() else { return };
    assert!(output.status.success() && err(&output).is_empty(), "{output:?}");
}
