//! The keys, their kinds and their defaults. What is empty by default must be set; the checks say which.

use super::components::Components;
use super::health::Health;
use super::sources::{HttpSource, ModbusSource, MqttSource, NutSource};
use ota_core::ConstraintId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// All of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Holds the database, staged downloads and the repository's seen metadata.
    pub data_dir: PathBuf,
    pub gateway: Gateway,
    pub server: Server,
    pub slots: Slots,
    pub boot: Boot,
    pub trust: Trust,
    pub repository: Repository,
    pub health: Health,
    pub components: Components,
    pub uploads: Uploads,
    pub snapshots: Snapshots,
    pub bundles: Bundles,
    pub debug: Debug,
    pub safety: Safety,
    pub log: Log,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: "/var/lib/gateway-ota".into(),
            gateway: Gateway::default(),
            server: Server::default(),
            slots: Slots::default(),
            boot: Boot::default(),
            trust: Trust::default(),
            repository: Repository::default(),
            health: Health::default(),
            components: Components::new(),
            uploads: Uploads::default(),
            snapshots: Snapshots::default(),
            bundles: Bundles::default(),
            debug: Debug::default(),
            safety: Safety::default(),
            log: Log::default(),
        }
    }
}

/// What this gateway is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Gateway {
    /// Named by clients in `X-Gateway-ID`.
    pub id: String,
    /// `compatible` of the bundles that it takes.
    pub model: String,
    /// Shown on the page.
    pub bootloader: String,
    /// IANA name; maintenance windows are meant in it.
    pub time_zone: String,
    /// A banner that every visitor sees.
    pub notice: Option<String>,
}

impl Default for Gateway {
    fn default() -> Self {
        Self {
            id: String::new(),
            model: String::new(),
            bootloader: "U-Boot".into(),
            time_zone: "UTC".into(),
            notice: None,
        }
    }
}

/// Where and how it is reached.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// Address and port.
    pub listen: String,
    /// PEM chain; TLS is on when it and the key are set.
    pub tls_certificate: Option<PathBuf>,
    pub tls_key: Option<PathBuf>,
    /// `Host` values that are answered beside the address itself; none: any.
    pub allowed_hosts: Vec<String>,
    /// Directory with the page's scripts and styles.
    pub site: PathBuf,
    /// Where the claim token of first-run set-up is printed; `-` is the error output of the service.
    pub console: PathBuf,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:3000".into(),
            tls_certificate: None,
            tls_key: None,
            allowed_hosts: Vec::new(),
            site: default_site(),
            console: "/dev/console".into(),
        }
    }
}

/// Beside the executable where a build left it, else where a package installs it.
fn default_site() -> PathBuf {
    let beside = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.join("site")));
    beside.filter(|path| path.is_dir()).unwrap_or_else(|| "/usr/share/gateway-ota/site".into())
}

/// Images that people bring.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Uploads {
    /// How long a verified image is kept.
    pub keep_hours: u32,
    /// Of one image.
    pub longest_megabytes: u64,
    /// Of all images together.
    pub quota_megabytes: u64,
    /// A sender that is silent for so long has gone away.
    pub idle_seconds: u64,
    /// How long an interrupted upload waits for its rest.
    pub unfinished_hours: u32,
}

impl Default for Uploads {
    fn default() -> Self {
        Self {
            keep_hours: 72,
            longest_megabytes: 8_000,
            quota_megabytes: 16_000,
            idle_seconds: 60,
            unfinished_hours: 24,
        }
    }
}

/// Debug bundles.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Debug {
    /// How long one is kept.
    pub keep_hours: u32,
    /// Bundles that stay; older ones go when a new one has been made.
    pub keep: u32,
}

impl Default for Debug {
    fn default() -> Self {
        Self { keep_hours: 24, keep: 3 }
    }
}

/// Snapshots of slots.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Snapshots {
    /// Snapshots that stay; older ones go when a new one has been taken.
    pub keep: u32,
    /// Bytes of the disk that they may take together.
    pub most_megabytes: u64,
    /// Bytes of the disk that no snapshot may use.
    pub keep_free_megabytes: u64,
}

impl Default for Snapshots {
    fn default() -> Self {
        Self { keep: 8, most_megabytes: 16_000, keep_free_megabytes: 64 }
    }
}

/// Bundles that were installed, kept for a restore.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bundles {
    /// Bundles that stay.
    pub keep: u32,
}

impl Default for Bundles {
    fn default() -> Self {
        Self { keep: 3 }
    }
}

/// The two slot groups.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Slots {
    #[serde(rename = "A")]
    pub a: Slot,
    #[serde(rename = "B")]
    pub b: Slot,
    /// Started when neither of the others does.
    #[serde(rename = "R")]
    pub r: Option<Slot>,
    /// The systems are mounted for writing: their bytes change as soon as they run, and nobody can compare them.
    pub writable: bool,
    /// How old a comparison of an untouched slot may be that a rollback relies on; the other slot is compared as often.
    pub scrub_hours: u32,
}

impl Default for Slots {
    fn default() -> Self {
        Self { a: Slot::default(), b: Slot::default(), r: None, writable: false, scrub_hours: 24 }
    }
}

/// The place of each image class.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Slot {
    /// Block device or file of the root image.
    pub rootfs: PathBuf,
}

/// The boot loader's side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Boot {
    /// The `fw_env.config` that `fw_printenv` uses too.
    pub environment: PathBuf,
    pub flag_scheme: Scheme,
    pub lock_file: PathBuf,
    /// Kernel command line, with `rauc.slot=`.
    pub cmdline: PathBuf,
    /// Differs after each start of the system.
    pub boot_id: PathBuf,
    /// Tries that a new slot gets before the boot loader goes back.
    pub rollback_retries: u8,
    pub reboot: RebootBy,
}

impl Default for Boot {
    fn default() -> Self {
        Self {
            environment: "/etc/fw_env.config".into(),
            flag_scheme: Scheme::Counter,
            // What `fw_printenv` and `fw_setenv` lock.
            lock_file: "/var/lock/fw_printenv.lock".into(),
            cmdline: "/proc/cmdline".into(),
            boot_id: "/proc/sys/kernel/random/boot_id".into(),
            rollback_retries: 3,
            reboot: RebootBy::Systemd,
        }
    }
}

/// Meaning of the flag bytes of a redundant environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scheme {
    Counter,
    Boolean,
}

/// What restarts the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RebootBy {
    /// `systemctl reboot`.
    Systemd,
    /// A model of the boot script, for a gateway whose slots are files: the service starts itself again.
    Model,
}

/// Whom bundles are taken from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Trust {
    /// PEM certificates.
    pub keyring: PathBuf,
    pub purpose: Purpose,
    /// Whether bundles may bring programs of their own.
    pub allow_hooks: bool,
    /// Oldest version that may be installed.
    pub version_floor: Option<String>,
}

impl Default for Trust {
    fn default() -> Self {
        Self {
            keyring: "/etc/gateway-ota/keyring.pem".into(),
            purpose: Purpose::SmimeSign,
            allow_hooks: false,
            version_floor: None,
        }
    }
}

/// What a signer's certificate must be issued for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    SmimeSign,
    CodeSign,
}

/// Where updates are announced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Repository {
    pub metadata_url: String,
    pub targets_url: String,
    /// The first trusted `root.json`.
    pub root: PathBuf,
    pub check_interval_hours: u32,
}

impl Default for Repository {
    fn default() -> Self {
        Self {
            metadata_url: String::new(),
            targets_url: String::new(),
            root: "/etc/gateway-ota/root.json".into(),
            check_interval_hours: 8,
        }
    }
}

/// The interlocks and their sources.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Safety {
    /// How long the machine must have been still before a slot is armed or the gateway restarts.
    pub clear_for_seconds: u64,
    /// What may be overridden, and how.
    #[serde(rename = "override")]
    pub overrides: Override,
    pub http: Vec<HttpSource>,
    pub mqtt: Vec<MqttSource>,
    pub modbus: Vec<ModbusSource>,
    pub nut: Vec<NutSource>,
    pub crane_motion: StateSource,
    pub acs_collision: StateSource,
    pub ups_battery: LevelSource,
    pub network: Switch,
    pub system_load: LoadLimit,
}

impl Default for Safety {
    fn default() -> Self {
        Self {
            clear_for_seconds: 30,
            overrides: Override::default(),
            http: Vec::new(),
            mqtt: Vec::new(),
            modbus: Vec::new(),
            nut: Vec::new(),
            crane_motion: StateSource::reading("/crane_motion", "idle"),
            acs_collision: StateSource::reading("/acs_collision", "clear"),
            ups_battery: LevelSource::default(),
            network: Switch::default(),
            system_load: LoadLimit::default(),
        }
    }
}

/// Overriding constraints for one operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Override {
    /// How long it lasts at most; not more than 15 minutes.
    pub seconds: u64,
    /// Two administrators have to ask for the same.
    pub second_person: bool,
    /// Constraints that nobody may override.
    pub never: Vec<ConstraintId>,
}

impl Default for Override {
    fn default() -> Self {
        Self { seconds: LONGEST_OVERRIDE, second_person: false, never: Vec::new() }
    }
}

/// In seconds, as the interface promises.
pub const LONGEST_OVERRIDE: u64 = 15 * 60;

/// A constraint that is a word of a source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StateSource {
    pub enabled: bool,
    /// Name of a source.
    pub source: String,
    /// Of an MQTT source.
    pub topic: Option<String>,
    /// JSON pointer (RFC 6901) into an HTTP source's document or an MQTT message.
    pub pointer: String,
    /// Where it says in how many seconds it clears.
    pub clears_in_pointer: Option<String>,
    /// Of a Modbus source.
    pub register: Option<String>,
    /// What values are called; where there are any, every other value is unknown.
    pub words: BTreeMap<String, String>,
    /// Words that mean clear; every other one blocks.
    pub clear_values: Vec<String>,
}

impl StateSource {
    fn reading(pointer: &str, clear: &str) -> Self {
        Self { pointer: pointer.to_owned(), clear_values: vec![clear.to_owned()], ..Self::default() }
    }
}

impl Default for StateSource {
    fn default() -> Self {
        Self {
            enabled: true,
            source: String::new(),
            topic: None,
            pointer: String::new(),
            clears_in_pointer: None,
            register: None,
            words: BTreeMap::new(),
            clear_values: Vec::new(),
        }
    }
}

/// A constraint that is a number of a source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LevelSource {
    pub enabled: bool,
    pub source: String,
    /// Of an MQTT source.
    pub topic: Option<String>,
    pub pointer: String,
    /// Where the document says whether mains power is there.
    pub online_pointer: Option<String>,
    /// Where it says how many seconds the battery would last.
    pub runtime_pointer: Option<String>,
    /// Of a Modbus source; so are the two below.
    pub register: Option<String>,
    pub online_register: Option<String>,
    pub runtime_register: Option<String>,
    /// Factor from a register's value to percent.
    pub scale: f64,
    /// In percent; below it the constraint blocks.
    pub minimum: f64,
    /// Blocks when the battery would not last this long; 0 asks for nothing.
    pub minimum_runtime_seconds: u64,
}

impl Default for LevelSource {
    fn default() -> Self {
        Self {
            enabled: true,
            source: String::new(),
            topic: None,
            pointer: "/ups_battery".into(),
            online_pointer: None,
            runtime_pointer: None,
            register: None,
            online_register: None,
            runtime_register: None,
            scale: 1.0,
            minimum: 30.0,
            minimum_runtime_seconds: 0,
        }
    }
}

/// A constraint without a source of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switch {
    pub enabled: bool,
}

impl Default for Switch {
    fn default() -> Self {
        Self { enabled: true }
    }
}

/// How busy the gateway may be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoadLimit {
    pub enabled: bool,
    /// Load average of a minute, divided by the number of cores.
    pub maximum_per_core: f64,
    /// Share of the last ten seconds in which a task waited for a processor, in percent.
    pub maximum_pressure: f64,
}

impl Default for LoadLimit {
    fn default() -> Self {
        Self { enabled: true, maximum_per_core: 2.0, maximum_pressure: 90.0 }
    }
}

/// What the service writes to its error output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// `error`, `warn`, `info`, `debug`, `trace`, or directives such as `info,ota_engine=debug`.
    pub level: String,
    pub format: LogFormat,
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "info".into(), format: LogFormat::Text }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    Text,
    /// One object a line.
    Json,
}
