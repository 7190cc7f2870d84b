//! The keys, their kinds and their defaults. What is empty by default must be set; the checks say which.

use super::components::Components;
use super::health::Health;
use super::safety::Safety;
use super::storage::{Bundles, Debug, Snapshots, Uploads};
use serde::{Deserialize, Serialize};
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
    /// 0: nobody asks by a timer, unless the settings say so.
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

/// What the service writes to its error output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// `error`, `warn`, `info`, `debug`, `trace`, or directives such as `info,ota_engine=debug`.
    pub level: String,
    pub format: LogFormat,
    /// Of each of the two files in which the service keeps what it writes, for debug bundles; 0: none.
    pub file_megabytes: u32,
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "info".into(), format: LogFormat::Text, file_megabytes: 4 }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    Text,
    /// One object a line.
    Json,
}
