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
    let check = |rest: &str| format!("[[health.check]]\nname = \"x\"\n{rest}");
    for (section, expected) in [
        ("[server]\nlisten = \"3000\"", "server.listen must be an address and a port"),
        ("[server]\ntls_key = \"/k\"", "server.tls_certificate must be set beside server.tls_key"),
        ("[boot]\nrollback_retries = 0", "boot.rollback_retries must be a number from 1 to 9, not 0"),
        ("[boot]\nreboot = \"model\"", "boot.cmdline must be a file outside /proc"),
        ("[log]\nlevel = \"=loud\"", "log.level must be"),
        (&check("command = [\"true\"]"), "health.check.command of “x” must start with the absolute path"),
        (&check(""), "health.check of “x” must be set to exactly one of url, connect, unit and command"),
        (&check("unit = \"a.service\"\nconnect = \"a:1\""), "health.check of “x” must be set to exactly one"),
        (&check("unit = \"--help\""), "health.check.unit must be the name of a unit"),
        (&check("connect = \"host\""), "health.check.connect must be a host and a port"),
        (&check("url = \"ftp://a/\""), "health.check.url must be set to an http or https address"),
        (
            &check("connect = \"a:1\"\ncontains = \"x\""),
            "health.check.status and contains are for a check with a url",
        ),
        (&check("connect = \"a:1\"\ntimes = 0"), "health.check.times must be a number from 1 to 100, not 0"),
        (&check("connect = \"a:1\"\ndeadline_seconds = 0"), "health.check.deadline_seconds must be a number"),
        (&check("unit = \"a.b\"").replace('x', "database"), "health.check.name is “database” twice"),
        (
            "[safety.system_load]\nmaximum_pressure = 101",
            "safety.system_load.maximum_pressure must be a number",
        ),
    ] {
        let found = problems(&format!("{MINIMAL}\n{section}")).join("\n");
        assert!(found.contains(expected), "{section}: {found}");
    }
    let component = |name: &str, rest: &str| {
        format!("[components.{name}]\na = \"/dev/ca\"\nb = \"/dev/cb\"\nactivate = [\"/bin/true\"]\n{rest}")
    };
    let well = "check = [{ name = \"x\", unit = \"x.service\" }]";
    for (section, expected) in [
        (component("rootfs", well), "components.rootfs must be the class of an image other than rootfs"),
        (component("\"a b\"", well), "components.a b must be the class of an image"),
        (component("app", ""), "components.app.check must have one that is required"),
        (component("app", well).replace("/dev/cb", "/dev/ca"), "components.app.b must be another place"),
        (component("app", well).replace("/dev/cb", "/dev/b"), "components.app.b must be another place"),
        (
            component("app", well).replace("/bin/", ""),
            "components.app.activate must start with the absolute path",
        ),
        (
            component("app", &well.replace("x.service", "x")),
            "components.app.check.unit must be the name of a unit",
        ),
    ] {
        let found = problems(&format!("{MINIMAL}\n{section}")).join("\n");
        assert!(found.contains(expected), "{section}: {found}");
    }
    assert_eq!(problems(&format!("{MINIMAL}\n{}", component("app", well))), Vec::<String>::new());
    let text = MINIMAL.replace("id = \"GW-1\"", "id = \"GW 1\"\ntime_zone = \"Mars/Base\"");
    let found = problems(&text).join("\n");
    assert!(found.contains("gateway.id must be") && found.contains("gateway.time_zone must be"), "{found}");
    let same = problems(&MINIMAL.replace("/dev/b", "/dev/a"));
    assert_eq!(same, ["slots.B.rootfs must be another place than slots.A.rootfs"]);
}

/// A configuration whose crane is read from `source`, which `section` describes.
fn with_crane(section: &str, crane: &str) -> String {
    let rest = MINIMAL.replace("crane_motion.enabled = false\n", "");
    format!("{rest}\n{section}\n[safety.crane_motion]\n{crane}")
}

#[test]
fn sources_of_several_kinds_are_chosen_by_name() {
    let text = MINIMAL.replace(
        "crane_motion.enabled = false\nacs_collision.enabled = false\nups_battery.enabled = false\n",
        "",
    );
    let text = format!(
        r#"{text}
[[safety.mqtt]]
name = "broker"
broker = "mqtts://plc:8883"
username = "gateway"
password_file = "/p"
certificate = "/c"
key = "/k"
[[safety.modbus]]
name = "drive"
address = "192.0.2.12"
[[safety.nut]]
name = "ups"
address = "[::1]:3493"
ups = "rack"
[safety.crane_motion]
source = "drive"
register = "holding:40.3"
words = {{ 0 = "idle", 1 = "moving" }}
[safety.acs_collision]
source = "broker"
topic = "acs/state"
pointer = ""
clears_in_pointer = "/seconds"
[safety.ups_battery]
source = "ups"
minimum_runtime_seconds = 600
"#
    );
    let loaded = load(&text, &[("GATEWAY_OTA__SAFETY__CRANE_MOTION__WORDS__2", "creeping")]).unwrap();
    assert_eq!(loaded.problems(), []);
    let shown: Vec<_> = loaded.effective().into_iter().map(|value| value.key).collect();
    assert!(shown.contains(&"safety.crane_motion.words.2".to_owned()), "{shown:?}");
    let safety = loaded.checked().unwrap().safety;
    assert_eq!(safety.crane_motion.words.len(), 3);
    let (mqtt, nut) = (&safety.mqtt[0], &safety.nut[0]);
    assert_eq!((mqtt.max_age_seconds, mqtt.accept_retained), (5, false));
    assert_eq!((safety.modbus[0].unit, nut.interval_ms, nut.max_age_seconds), (1, 2000, 10));
}

#[test]
fn every_mistake_in_a_source_is_told_by_its_key() {
    let http = |rest: &str| format!("[[safety.http]]\nname = \"p\"\nurl = \"http://p/\"\n{rest}");
    let mqtt = |rest: &str| format!("[[safety.mqtt]]\nname = \"p\"\nbroker = \"mqtt://p\"\n{rest}");
    let modbus = |rest: &str| format!("[[safety.modbus]]\nname = \"p\"\naddress = \"p\"\n{rest}");
    let nut = |rest: &str| format!("[[safety.nut]]\nname = \"p\"\naddress = \"p\"\nups = \"u\"\n{rest}");
    for (section, expected) in [
        (http("").replace("http://", "ftp://"), "safety.http.url must be set to an http or https"),
        (http("").replace("://", "://a:b@"), "safety.http.url must not hold a password"),
        (http("username = \"a\""), "safety.http.password_file must be set beside safety.http.username"),
        (http("password_file = \"/p\""), "safety.http.password_file must be set beside safety.http.username"),
        (
            http("password_file = \"p\"\nusername = \"a\""),
            "safety.http.password_file must be set to an absolute path",
        ),
        (
            http("password_file = \"/p\"\nusername = \"a\"\ntoken_file = \"/t\""),
            "safety.http.token_file must not be set beside safety.http.username",
        ),
        (http("ca = \"/c\""), "safety.http.ca must not be set beside an address without https"),
        (
            http("interval_ms = 9000"),
            "safety.http.max_age_seconds of “p” must be longer than its interval_ms",
        ),
        (mqtt("").replace("mqtt://p", "amqp://p"), "safety.mqtt.broker must be a host and a port"),
        (mqtt("ca = \"/c\""), "safety.mqtt.ca must not be set beside a broker without mqtts://"),
        (mqtt("key = \"/k\""), "safety.mqtt.key must be set beside safety.mqtt.certificate"),
        (mqtt("max_age_seconds = 0"), "safety.mqtt.max_age_seconds must be a number from 1 to 3600, not 0"),
        (
            modbus("").replace("address = \"p\"", "address = \"p:0\""),
            "safety.modbus.address must be a host and a port",
        ),
        (nut("").replace("ups = \"u\"", "ups = \"a b\""), "safety.nut.ups must be set to the UPS’s name"),
        (nut("ca = \"/c\""), "safety.nut.ca must not be set without safety.nut.tls"),
        (format!("{}\n{}", nut(""), modbus("")), "is “p”, which is the name of another source"),
    ] {
        let found = problems(&format!("{MINIMAL}\n{section}")).join("\n");
        assert!(found.contains(expected), "{section}: {found}");
    }
    let (http, mqtt, modbus, nut) = (http(""), mqtt(""), modbus(""), nut(""));
    for (section, crane, expected) in [
        (&http, "source = \"q\"", "crane_motion.source must be the name of a [[safety.mqtt]]"),
        (&nut, "source = \"p\"", "crane_motion.source must not be a [[safety.nut]]"),
        (&mqtt, "source = \"p\"", "crane_motion.topic must be set to the name of one topic"),
        (&mqtt, "source = \"p\"\ntopic = \"a/#\"", "crane_motion.topic must be set to the name of one topic"),
        (
            &http,
            "source = \"p\"\ntopic = \"a\"",
            "crane_motion.topic is for a [[safety.mqtt]], and “p” is a [[safety.http]]",
        ),
        (&http, "source = \"p\"\npointer = \"a\"", "crane_motion.pointer must be a JSON pointer"),
        (&http, "source = \"p\"\nregister = \"coil:1\"", "crane_motion.register is for a [[safety.modbus]]"),
        (&modbus, "source = \"p\"", "crane_motion.register must be set, such as holding:40"),
        (
            &modbus,
            "source = \"p\"\nregister = \"40001\"",
            "crane_motion.register cannot be used: “40001” is no register",
        ),
        (
            &modbus,
            "source = \"p\"\nregister = \"coil:1\"",
            "crane_motion.words must say what each value means",
        ),
        (
            &modbus,
            "source = \"p\"\nregister = \"coil:1\"\nwords = { 0 = \"calm\" }",
            "crane_motion.clear_values has “idle”, which is none of safety.crane_motion.words",
        ),
    ] {
        let found = problems(&with_crane(section, crane)).join("\n");
        assert!(found.contains(&format!("safety.{expected}")), "{section}\n{crane}: {found}");
    }
}

#[test]
fn an_unknown_key_of_a_source_is_refused() {
    for section in [
        "[[safety.mqtt]]\nname = \"p\"\nbroker = \"p\"\npassword = \"s3cret\"",
        "[safety.crane_motion]\ntopics = \"x\"",
    ] {
        let text = MINIMAL.replace("crane_motion.enabled = false\n", "");
        let error = load(&format!("{text}\n{section}"), &[]).unwrap_err().to_string();
        assert!(error.contains("unknown field"), "{error}");
    }
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
    expected.slots.r.clone_from(&all.slots.r);
    expected.trust.version_floor.clone_from(&all.trust.version_floor);
    expected.health.check.clone_from(&all.health.check);
    expected.components.clone_from(&all.components);
    expected.safety.http.clone_from(&all.safety.http);
    expected.safety.mqtt.clone_from(&all.safety.mqtt);
    expected.safety.modbus.clone_from(&all.safety.modbus);
    expected.safety.nut.clone_from(&all.safety.nut);
    assert_eq!(all, expected);
}
