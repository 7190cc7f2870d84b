//! The configuration's layers, checks and origins.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use server::config::{Config, ConfigError, Inputs, Loaded, Origin};
use std::path::PathBuf;

/// All that has no default.
const MINIMAL: &str = r#"
[gateway]
id = "GW-1"
model = "M"
[slots]
A.rootfs = "/dev/a"
B.rootfs = "/dev/b"
[repository]
metadata_url = "http://name:secret@host/m/"
targets_url = "http://host/t/"
[safety]
crane_motion.enabled = false
acs_collision.enabled = false
ups_battery.enabled = false
"#;

struct Place {
    _directory: tempfile::TempDir,
    file: PathBuf,
}

fn file(text: &str) -> Place {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config.toml");
    std::fs::write(&file, text).unwrap();
    Place { _directory: directory, file }
}

fn load(text: &str, variables: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
    let place = file(text);
    let environment = variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    Loaded::read(&Inputs { file: Some(place.file), environment, ..Inputs::default() })
}

fn config(text: &str, variables: &[(&str, &str)]) -> Config {
    load(text, variables).unwrap().checked().unwrap()
}

fn problems(text: &str) -> Vec<String> {
    load(text, &[]).unwrap().problems().iter().map(ToString::to_string).collect()
}

#[test]
fn what_has_no_default_must_be_set_and_is_named() {
    let keys: Vec<_> = load("", &[]).unwrap().problems().into_iter().map(|problem| problem.key).collect();
    assert_eq!(
        keys,
        [
            "gateway.id",
            "gateway.model",
            "slots.A.rootfs",
            "slots.B.rootfs",
            "repository.metadata_url",
            "repository.targets_url",
            "safety.crane_motion.source",
            "safety.acs_collision.source",
            "safety.ups_battery.source",
        ]
    );
    assert_eq!(problems(MINIMAL), Vec::<String>::new());
}

#[test]
fn an_unknown_key_is_refused_by_name_in_every_layer() {
    let error = load(&format!("{MINIMAL}\n[server]\nlisten_on = \"x\""), &[]).unwrap_err().to_string();
    assert!(error.contains("listen_on") && error.contains("config.toml"), "{error}");
    for (name, key) in [
        ("GATEWAY_OTA__SERVER__LISTEN_ON", "server.listen_on"),
        ("GATEWAY_OTA__NOTHING", "nothing"),
        ("GATEWAY_OTA__SLOTS__C__ROOTFS", "slots.c.rootfs"),
        ("GATEWAY_OTA__SERVER__LISTEN__PORT", "server.listen.port"),
    ] {
        let error = load(MINIMAL, &[(name, "1")]).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains(key), "{error}");
    }
}

#[test]
fn the_environment_goes_before_the_file_and_flags_before_both() {
    let text = format!("data_dir = \"/file\"\n{MINIMAL}\n[server]\nlisten = \"127.0.0.1:1\"");
    let variables = [
        ("GATEWAY_OTA__SERVER__LISTEN", "127.0.0.1:2"),
        ("GATEWAY_OTA__DATA_DIR", "/variable"),
        ("GATEWAY_OTA__GATEWAY__ID", "42"),
        ("GATEWAY_OTA__SLOTS__A__ROOTFS", "/dev/other"),
        ("GATEWAY_OTA__BOOT__ROLLBACK_RETRIES", "5"),
        ("GATEWAY_OTA__SAFETY__SYSTEM_LOAD__MAXIMUM_PER_CORE", "4"),
        ("GATEWAY_OTA__SAFETY__NETWORK__ENABLED", "false"),
        ("GATEWAY_OTA__SERVER__ALLOWED_HOSTS", "[\"a\", \"b\"]"),
        ("GATEWAY_OTA_SLOT", "none of ours"),
    ];
    let config = config(&text, &variables);
    assert_eq!(config.server.listen, "127.0.0.1:2");
    assert_eq!((config.gateway.id.as_str(), config.slots.a.rootfs), ("42", "/dev/other".into()));
    assert_eq!((config.boot.rollback_retries, config.safety.network.enabled), (5, false));
    assert!((config.safety.system_load.maximum_per_core - 4.0).abs() < f64::EPSILON);
    assert_eq!(config.server.allowed_hosts, ["a", "b"]);

    let place = file(&text);
    let inputs = Inputs {
        file: Some(place.file),
        environment: variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        data_dir: Some("/flag".into()),
        listen: Some("127.0.0.1:3".parse().unwrap()),
    };
    let config = Loaded::read(&inputs).unwrap().checked().unwrap();
    assert_eq!((config.server.listen.as_str(), config.data_dir), ("127.0.0.1:3", "/flag".into()));
}

#[test]
fn a_value_of_the_wrong_kind_is_refused_and_its_origin_named() {
    for (name, text, expected) in [
        ("GATEWAY_OTA__BOOT__ROLLBACK_RETRIES", "three", "is not a whole number"),
        ("GATEWAY_OTA__BOOT__ROLLBACK_RETRIES", "300", "boot.rollback_retries"),
        ("GATEWAY_OTA__TRUST__ALLOW_HOOKS", "yes", "is not true or false"),
        ("GATEWAY_OTA__SERVER__ALLOWED_HOSTS", "host", "is not a list"),
        ("GATEWAY_OTA__BOOT__REBOOT", "magic", "boot.reboot"),
        ("GATEWAY_OTA__SERVER", "x", "is not for a section"),
    ] {
        let error = load(MINIMAL, &[(name, text)]).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains(expected), "{error}");
    }
    let error =
        load(&format!("{MINIMAL}\n[boot]\nrollback_retries = \"three\""), &[]).unwrap_err().to_string();
    assert!(error.contains("rollback_retries") && error.contains("line"), "{error}");
}

#[test]
fn a_value_that_makes_no_sense_is_told_in_a_sentence() {
    for (section, expected) in [
        ("[server]\nlisten = \"3000\"", "server.listen must be an address and a port"),
        ("[server]\ntls_key = \"/k\"", "server.tls_certificate must be set beside server.tls_key"),
        ("[boot]\nrollback_retries = 0", "boot.rollback_retries must be a number from 1 to 9, not 0"),
        ("[boot]\nreboot = \"model\"", "boot.cmdline must be a file outside /proc"),
        ("[log]\nlevel = \"=loud\"", "log.level must be"),
        ("[[health.check]]\nname = \"x\"\ncommand = [\"true\"]", "of “x” must start with the absolute path"),
        (
            "[[safety.http]]\nname = \"p\"\nurl = \"ftp://p\"",
            "safety.http.url must be set to an http or https",
        ),
    ] {
        let found = problems(&format!("{MINIMAL}\n{section}")).join("\n");
        assert!(found.contains(expected), "{section}: {found}");
    }
    let text = MINIMAL.replace("id = \"GW-1\"", "id = \"GW 1\"\ntime_zone = \"Mars/Base\"");
    let found = problems(&text).join("\n");
    assert!(found.contains("gateway.id must be") && found.contains("gateway.time_zone must be"), "{found}");
    let same = problems(&MINIMAL.replace("/dev/b", "/dev/a"));
    assert_eq!(same, ["slots.B.rootfs must be another place than slots.A.rootfs"]);
}

#[test]
fn every_effective_value_has_its_origin_and_no_secret() {
    let loaded = load(MINIMAL, &[("GATEWAY_OTA__SERVER__LISTEN", "127.0.0.1:9")]).unwrap();
    let values = loaded.effective();
    let find = |key: &str| values.iter().find(|value| value.key == key).unwrap();
    assert_eq!(find("data_dir").origin, Origin::Default);
    assert!(matches!(find("slots.A.rootfs").origin, Origin::File(_)));
    assert_eq!(find("server.listen").origin.to_string(), "environment GATEWAY_OTA__SERVER__LISTEN");
    assert_eq!(find("repository.metadata_url").value.as_str(), Some("http://***@host/m/"));
    assert!(!format!("{values:?}").contains("secret"));
}

#[test]
fn a_missing_file_is_an_error_only_when_it_was_named() {
    let inputs = Inputs { file: Some("/nonexistent/config.toml".into()), ..Inputs::default() };
    let error = Loaded::read(&inputs).unwrap_err().to_string();
    assert!(error.contains("/nonexistent/config.toml"), "{error}");
}

/// The example is complete, can be used, and tells the truth about every default.
#[test]
fn the_packaged_example_is_valid_and_shows_the_defaults() {
    let text = include_str!("../../packaging/config.toml");
    let example = config(text, &[]);
    let uncommented: String = text
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(rest) if !rest.is_empty() && !rest.starts_with(' ') => rest,
            _ => line,
        })
        .flat_map(|line| [line, "\n"])
        .collect();
    let all = config(&uncommented, &[]);
    // These have no default: the commented line is an example.
    let mut expected = example;
    expected.gateway.notice.clone_from(&all.gateway.notice);
    expected.server.tls_certificate.clone_from(&all.server.tls_certificate);
    expected.server.tls_key.clone_from(&all.server.tls_key);
    expected.server.allowed_hosts.clone_from(&all.server.allowed_hosts);
    expected.server.site.clone_from(&all.server.site);
    expected.trust.version_floor.clone_from(&all.trust.version_floor);
    expected.health.check.clone_from(&all.health.check);
    expected.safety.ups_battery.online_pointer.clone_from(&all.safety.ups_battery.online_pointer);
    assert_eq!(all, expected);
}
