//! The kinds of sources that interlocks read from, and whether they make sense.

use super::check::Checker;
use super::{LevelSource, Safety, StateSource};
use ota_platform::{HostPort, MODBUS_PORT, NUT_PORT, Register, is_topic, parse_broker};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A JSON document that is asked for again and again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpSource {
    /// What constraints call it.
    pub name: String,
    pub url: String,
    #[serde(default = "a_second")]
    pub interval_ms: u64,
    /// Older readings count as unknown, which blocks.
    #[serde(default = "five")]
    pub max_age_seconds: u64,
    /// For basic authentication.
    pub username: Option<String>,
    pub password_file: Option<PathBuf>,
    /// For bearer authentication.
    pub token_file: Option<PathBuf>,
    /// PEM certificates of those who may sign the server's.
    pub ca: Option<PathBuf>,
}

/// A broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MqttSource {
    pub name: String,
    /// Host and port, or an mqtt or mqtts address.
    pub broker: String,
    /// Made of the gateway's id and the source's name where there is none.
    pub client_id: Option<String>,
    pub username: Option<String>,
    pub password_file: Option<PathBuf>,
    pub ca: Option<PathBuf>,
    /// PEM chain and key of the gateway.
    pub certificate: Option<PathBuf>,
    pub key: Option<PathBuf>,
    #[serde(default = "five")]
    pub max_age_seconds: u64,
    /// Whether a message of unknown age, which the broker had kept, counts as new.
    #[serde(default)]
    pub accept_retained: bool,
}

/// A Modbus/TCP device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModbusSource {
    pub name: String,
    /// Host and port.
    pub address: String,
    #[serde(default = "one")]
    pub unit: u8,
    #[serde(default = "a_second")]
    pub interval_ms: u64,
    #[serde(default = "five")]
    pub max_age_seconds: u64,
}

/// A UPS of a server of Network UPS Tools.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NutSource {
    pub name: String,
    /// Host and port.
    pub address: String,
    /// What the server calls it.
    pub ups: String,
    pub username: Option<String>,
    pub password_file: Option<PathBuf>,
    #[serde(default)]
    pub tls: bool,
    pub ca: Option<PathBuf>,
    #[serde(default = "two_seconds")]
    pub interval_ms: u64,
    #[serde(default = "ten")]
    pub max_age_seconds: u64,
}

const fn one() -> u8 {
    1
}

const fn a_second() -> u64 {
    1000
}

const fn two_seconds() -> u64 {
    2000
}

const fn five() -> u64 {
    5
}

const fn ten() -> u64 {
    10
}

/// What a source speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Http,
    Mqtt,
    Modbus,
    Nut,
}

impl Kind {
    const fn section(self) -> &'static str {
        match self {
            Self::Http => "[[safety.http]]",
            Self::Mqtt => "[[safety.mqtt]]",
            Self::Modbus => "[[safety.modbus]]",
            Self::Nut => "[[safety.nut]]",
        }
    }
}

/// The kind of each source, by name.
pub(super) struct Kinds<'a>(BTreeMap<&'a str, Kind>);

/// Checks all sources, and returns what constraints may name.
pub(super) fn check<'a>(checker: &mut Checker, safety: &'a Safety) -> Kinds<'a> {
    let mut kinds = BTreeMap::new();
    for source in &safety.http {
        named(checker, &mut kinds, "safety.http.name", &source.name, Kind::Http);
        http(checker, source);
    }
    for source in &safety.mqtt {
        named(checker, &mut kinds, "safety.mqtt.name", &source.name, Kind::Mqtt);
        mqtt(checker, source);
    }
    for source in &safety.modbus {
        named(checker, &mut kinds, "safety.modbus.name", &source.name, Kind::Modbus);
        address(checker, "safety.modbus.address", &source.address, MODBUS_PORT);
        timing(checker, "safety.modbus", &source.name, Some(source.interval_ms), source.max_age_seconds);
    }
    for source in &safety.nut {
        named(checker, &mut kinds, "safety.nut.name", &source.name, Kind::Nut);
        nut(checker, source);
    }
    Kinds(kinds)
}

fn named<'a>(
    checker: &mut Checker,
    kinds: &mut BTreeMap<&'a str, Kind>,
    key: &str,
    name: &'a str,
    kind: Kind,
) {
    checker.text(key, name, 64);
    let first = kinds.insert(name, kind).is_none();
    checker.require(first, key, format!("is “{name}”, which is the name of another source"));
}

fn http(checker: &mut Checker, source: &HttpSource) {
    checker.url("safety.http.url", &source.url);
    timing(checker, "safety.http", &source.name, Some(source.interval_ms), source.max_age_seconds);
    login(checker, "safety.http", source.username.as_ref(), source.password_file.as_ref());
    let one = source.token_file.is_none() || source.username.is_none();
    checker.require(one, "safety.http.token_file", "must not be set beside safety.http.username");
    for (key, path) in [("safety.http.token_file", &source.token_file), ("safety.http.ca", &source.ca)] {
        path.iter().for_each(|path| checker.path(key, path));
    }
    let secure = source.url.starts_with("https://");
    let fits = source.ca.is_none() || secure;
    checker.require(fits, "safety.http.ca", "must not be set beside an address without https");
    let inside = source.url.split('/').nth(2).is_some_and(|authority| authority.contains('@'));
    checker.require(
        !inside,
        "safety.http.url",
        "must not hold a password; set safety.http.username and safety.http.password_file",
    );
}

fn mqtt(checker: &mut Checker, source: &MqttSource) {
    let broker = parse_broker(&source.broker);
    checker.require(
        broker.is_some(),
        "safety.mqtt.broker",
        "must be a host and a port, or an address such as mqtts://broker.example:8883, without a password",
    );
    if let Some(id) = &source.client_id {
        checker.text("safety.mqtt.client_id", id, 128);
    }
    login(checker, "safety.mqtt", source.username.as_ref(), source.password_file.as_ref());
    timing(checker, "safety.mqtt", &source.name, None, source.max_age_seconds);
    let tls = broker.is_some_and(|(_, tls)| tls);
    let files = [
        ("safety.mqtt.ca", &source.ca),
        ("safety.mqtt.certificate", &source.certificate),
        ("safety.mqtt.key", &source.key),
    ];
    for (key, path) in files.into_iter().filter_map(|(key, path)| Some((key, path.as_ref()?))) {
        checker.path(key, path);
        checker.require(tls, key, "must not be set beside a broker without mqtts://");
    }
    let both = source.certificate.is_some() == source.key.is_some();
    checker.require(both, "safety.mqtt.key", "must be set beside safety.mqtt.certificate, and only there");
}

fn nut(checker: &mut Checker, source: &NutSource) {
    address(checker, "safety.nut.address", &source.address, NUT_PORT);
    let fits = source.ups.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\".contains(&byte));
    let fits = fits && (1..=64).contains(&source.ups.len());
    checker.require(fits, "safety.nut.ups", "must be set to the UPS’s name on the server, without spaces");
    login(checker, "safety.nut", source.username.as_ref(), source.password_file.as_ref());
    timing(checker, "safety.nut", &source.name, Some(source.interval_ms), source.max_age_seconds);
    if let Some(ca) = &source.ca {
        checker.path("safety.nut.ca", ca);
        checker.require(source.tls, "safety.nut.ca", "must not be set without safety.nut.tls");
    }
}

fn address(checker: &mut Checker, key: &str, text: &str, port: u16) {
    let fits = HostPort::parse(text, port).is_some();
    checker.require(fits, key, format!("must be a host and a port, such as 192.0.2.10:{port}"));
}

/// Passwords are never in the configuration.
fn login(checker: &mut Checker, section: &str, username: Option<&String>, password: Option<&PathBuf>) {
    let key = format!("{section}.password_file");
    let both = username.is_some() == password.is_some();
    checker.require(both, &key, format!("must be set beside {section}.username, and only there"));
    if let Some(name) = username {
        checker.text(&format!("{section}.username"), name, 128);
    }
    if let Some(path) = password {
        checker.path(&key, path);
    }
}

fn timing(checker: &mut Checker, section: &str, name: &str, interval_ms: Option<u64>, max_age_seconds: u64) {
    let key = format!("{section}.max_age_seconds");
    checker.within(&key, max_age_seconds, 1, 3600);
    if let Some(interval) = interval_ms {
        checker.within(&format!("{section}.interval_ms"), interval, 50, 60_000);
        let longer = max_age_seconds.saturating_mul(1000) > interval;
        checker.require(longer, &key, format!("of “{name}” must be longer than its interval_ms"));
    }
}

/// Keys of a constraint that only some kinds of sources have.
type Only<'a> = (&'a str, bool, &'a [Kind]);

impl Kinds<'_> {
    /// Checks what a word is read from.
    pub(super) fn state(&self, checker: &mut Checker, key: &str, state: &StateSource) {
        let Some(kind) = self.of(checker, key, &state.source) else { return };
        let fits = kind != Kind::Nut;
        checker.require(
            fits,
            &format!("{key}.source"),
            "must not be a [[safety.nut]], which knows of nothing but a UPS",
        );
        let keys: [Only<'_>; 3] = [
            ("topic", state.topic.is_some(), &[Kind::Mqtt]),
            ("clears_in_pointer", state.clears_in_pointer.is_some(), &[Kind::Http, Kind::Mqtt]),
            ("register", state.register.is_some(), &[Kind::Modbus]),
        ];
        only(checker, key, &state.source, kind, &keys);
        signal(checker, key, kind, state.topic.as_deref(), &state.pointer, state.register.as_deref());
        pointer(checker, &format!("{key}.clears_in_pointer"), state.clears_in_pointer.as_deref());
        let has_words = kind != Kind::Modbus || !state.words.is_empty();
        checker.require(
            has_words,
            &format!("{key}.words"),
            "must say what each value means, such as { 0 = \"idle\" }",
        );
        let words = format!("{key}.clear_values");
        checker.require(!state.clear_values.is_empty(), &words, "must have at least one word");
        if !state.words.is_empty() {
            for word in &state.clear_values {
                let known = state.words.values().any(|other| other == word);
                checker.require(known, &words, format!("has “{word}”, which is none of {key}.words"));
            }
        }
    }

    /// Checks what a charge is read from.
    pub(super) fn level(&self, checker: &mut Checker, key: &str, level: &LevelSource) {
        let Some(kind) = self.of(checker, key, &level.source) else { return };
        let (documents, modbus) = (&[Kind::Http, Kind::Mqtt][..], &[Kind::Modbus][..]);
        let scaled = (level.scale - 1.0).abs() > f64::EPSILON;
        let keys: [Only<'_>; 7] = [
            ("topic", level.topic.is_some(), &[Kind::Mqtt]),
            ("online_pointer", level.online_pointer.is_some(), documents),
            ("runtime_pointer", level.runtime_pointer.is_some(), documents),
            ("register", level.register.is_some(), modbus),
            ("online_register", level.online_register.is_some(), modbus),
            ("runtime_register", level.runtime_register.is_some(), modbus),
            ("scale", scaled, modbus),
        ];
        only(checker, key, &level.source, kind, &keys);
        signal(checker, key, kind, level.topic.as_deref(), &level.pointer, level.register.as_deref());
        pointer(checker, &format!("{key}.online_pointer"), level.online_pointer.as_deref());
        pointer(checker, &format!("{key}.runtime_pointer"), level.runtime_pointer.as_deref());
        register(checker, &format!("{key}.online_register"), level.online_register.as_deref());
        register(checker, &format!("{key}.runtime_register"), level.runtime_register.as_deref());
        let fits = level.scale.is_finite() && level.scale > 0.0;
        checker.require(fits, &format!("{key}.scale"), "must be a number above 0");
        let fits = (0.0..=100.0).contains(&level.minimum);
        checker.require(fits, &format!("{key}.minimum"), "must be a number from 0 to 100, in percent");
        let runtime = format!("{key}.minimum_runtime_seconds");
        checker.within(&runtime, level.minimum_runtime_seconds, 0, 24 * 3600);
        let known = kind == Kind::Nut || level.runtime_pointer.is_some() || level.runtime_register.is_some();
        let sentence = format!("needs {key}.runtime_pointer or {key}.runtime_register");
        checker.require(known || level.minimum_runtime_seconds == 0, &runtime, sentence);
    }

    /// Switching an interlock off must be written down; it must not follow from a forgotten line.
    fn of(&self, checker: &mut Checker, key: &str, name: &str) -> Option<Kind> {
        let kind = self.0.get(name).copied();
        let sentence = format!(
            "must be the name of a [[safety.mqtt]], [[safety.modbus]], [[safety.nut]] or [[safety.http]], or \
             {key}.enabled must be false"
        );
        checker.require(kind.is_some(), &format!("{key}.source"), sentence);
        kind
    }
}

fn only(checker: &mut Checker, key: &str, name: &str, kind: Kind, keys: &[Only<'_>]) {
    for (part, _, kinds) in keys.iter().filter(|(_, set, kinds)| *set && !kinds.contains(&kind)) {
        let wanted: Vec<_> = kinds.iter().map(|kind| kind.section()).collect();
        let sentence = format!("is for a {}, and “{name}” is a {}", wanted.join(" or "), kind.section());
        checker.require(false, &format!("{key}.{part}"), sentence);
    }
}

fn signal(
    checker: &mut Checker,
    key: &str,
    kind: Kind,
    topic: Option<&str>,
    path: &str,
    number: Option<&str>,
) {
    match kind {
        Kind::Http => pointer(checker, &format!("{key}.pointer"), Some(path)),
        Kind::Mqtt => {
            let fits = topic.is_some_and(is_topic);
            checker.require(
                fits,
                &format!("{key}.topic"),
                "must be set to the name of one topic, without wildcards",
            );
            pointer(checker, &format!("{key}.pointer"), Some(path));
        }
        Kind::Modbus => {
            let key = format!("{key}.register");
            checker.require(number.is_some(), &key, "must be set, such as holding:40 or coil:12");
            register(checker, &key, number);
        }
        Kind::Nut => {}
    }
}

fn pointer(checker: &mut Checker, key: &str, pointer: Option<&str>) {
    let fits = pointer.is_none_or(|pointer| pointer.is_empty() || pointer.starts_with('/'));
    checker.require(fits, key, "must be a JSON pointer, such as /ups/battery");
}

fn register(checker: &mut Checker, key: &str, text: Option<&str>) {
    if let Some(Err(error)) = text.map(str::parse::<Register>) {
        checker.require(false, key, format!("cannot be used: {error}"));
    }
}
