//! Whether values make sense. Each answer is a sentence that starts with its key.

use super::{Config, LONGEST_OVERRIDE, Safety, Server, components, health, sources};
use std::fmt;
use std::net::SocketAddr;
use std::path::Path;

/// A value that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Dotted.
    pub key: String,
    /// Goes on after the key: what must be the case.
    pub sentence: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.key, self.sentence)
    }
}

/// Collects problems.
#[derive(Default)]
pub(super) struct Checker(Vec<Problem>);

impl Checker {
    pub(super) fn require(&mut self, holds: bool, key: &str, sentence: impl Into<String>) {
        if !holds {
            self.0.push(Problem { key: key.to_owned(), sentence: sentence.into() });
        }
    }

    pub(super) fn text(&mut self, key: &str, value: &str, most: usize) {
        let fits =
            !value.trim().is_empty() && value.chars().count() <= most && !value.contains(char::is_control);
        self.require(fits, key, format!("must be set: one line of at most {most} characters"));
    }

    pub(super) fn path(&mut self, key: &str, value: &Path) {
        self.require(value.is_absolute(), key, "must be set to an absolute path");
    }

    pub(super) fn url(&mut self, key: &str, value: &str) {
        let parsed: Option<http::Uri> = value.parse().ok();
        let fits = parsed.is_some_and(|url| {
            matches!(url.scheme_str(), Some("http" | "https"))
                && url.host().is_some_and(|host| !host.is_empty())
        });
        self.require(fits, key, "must be set to an http or https address");
    }

    pub(super) fn within(&mut self, key: &str, value: u64, least: u64, most: u64) {
        let fits = (least..=most).contains(&value);
        self.require(fits, key, format!("must be a number from {least} to {most}, not {value}"));
    }
}

pub(super) fn problems(config: &Config) -> Vec<Problem> {
    let mut checker = Checker::default();
    checker.path("data_dir", &config.data_dir);
    gateway(&mut checker, config);
    server(&mut checker, &config.server);
    slots_and_boot(&mut checker, config);
    trust_and_repository(&mut checker, config);
    health::check(&mut checker, &config.health);
    components::check(&mut checker, config);
    storage(&mut checker, config);
    safety(&mut checker, &config.safety);
    let filter = tracing_subscriber::EnvFilter::builder().parse(&config.log.level);
    checker.require(
        filter.is_ok(),
        "log.level",
        "must be error, warn, info, debug, trace, or directives of these",
    );
    checker.0
}

fn gateway(checker: &mut Checker, config: &Config) {
    let gateway = &config.gateway;
    let header = !gateway.id.is_empty() && gateway.id.bytes().all(|byte| byte.is_ascii_graphic());
    let fits = header && gateway.id.len() <= 64;
    checker.require(fits, "gateway.id", "must be set: at most 64 visible ASCII characters without spaces");
    checker.text("gateway.model", &gateway.model, 128);
    checker.text("gateway.bootloader", &gateway.bootloader, 128);
    let known = jiff::tz::TimeZone::get(&gateway.time_zone).is_ok();
    checker.require(
        known,
        "gateway.time_zone",
        "must be the name of a time zone, such as UTC or Europe/Rotterdam",
    );
    if let Some(notice) = &gateway.notice {
        checker.text("gateway.notice", notice, 300);
    }
}

fn server(checker: &mut Checker, server: &Server) {
    let address = server.listen.parse::<SocketAddr>();
    checker.require(address.is_ok(), "server.listen", "must be an address and a port, such as 0.0.0.0:443");
    checker.path("server.site", &server.site);
    match (&server.tls_certificate, &server.tls_key) {
        (Some(certificate), Some(key)) => {
            checker.path("server.tls_certificate", certificate);
            checker.path("server.tls_key", key);
        }
        (Some(_), None) => {
            checker.require(false, "server.tls_key", "must be set beside server.tls_certificate")
        }
        (None, Some(_)) => {
            checker.require(false, "server.tls_certificate", "must be set beside server.tls_key")
        }
        (None, None) => {}
    }
    for host in &server.allowed_hosts {
        let fits = host.parse::<http::uri::Authority>().is_ok();
        checker.require(fits, "server.allowed_hosts", format!("has “{host}”, which is no host name"));
    }
}

fn slots_and_boot(checker: &mut Checker, config: &Config) {
    let (a, b) = (&config.slots.a.rootfs, &config.slots.b.rootfs);
    checker.path("slots.A.rootfs", a);
    checker.path("slots.B.rootfs", b);
    if let Some(r) = &config.slots.r {
        checker.path("slots.R.rootfs", &r.rootfs);
        let other = "must be another place than those of the slots A and B";
        checker.require(r.rootfs != *a && r.rootfs != *b, "slots.R.rootfs", other);
    }
    checker.require(
        a != b || !a.is_absolute(),
        "slots.B.rootfs",
        "must be another place than slots.A.rootfs",
    );
    let boot = &config.boot;
    checker.path("boot.environment", &boot.environment);
    checker.path("boot.lock_file", &boot.lock_file);
    checker.path("boot.cmdline", &boot.cmdline);
    checker.path("boot.boot_id", &boot.boot_id);
    checker.within("boot.rollback_retries", boot.rollback_retries.into(), 1, 9);
    if boot.reboot == super::RebootBy::Model {
        // The model writes both: it must never be pointed at the kernel's own.
        for (key, path) in [("boot.cmdline", &boot.cmdline), ("boot.boot_id", &boot.boot_id)] {
            let ours = !path.starts_with("/proc");
            checker.require(ours, key, "must be a file outside /proc when boot.reboot is \"model\"");
        }
    }
}

fn trust_and_repository(checker: &mut Checker, config: &Config) {
    checker.path("trust.keyring", &config.trust.keyring);
    if let Some(floor) = &config.trust.version_floor {
        checker.text("trust.version_floor", floor, 64);
    }
    let repository = &config.repository;
    checker.url("repository.metadata_url", &repository.metadata_url);
    checker.url("repository.targets_url", &repository.targets_url);
    checker.path("repository.root", &repository.root);
    checker.within("repository.check_interval_hours", repository.check_interval_hours.into(), 0, 24 * 31);
}

fn storage(checker: &mut Checker, config: &Config) {
    /// Megabytes of a petabyte: nobody has more, and bytes of it are no overflow.
    const MOST: u64 = 1_000_000_000;
    let crate::config::storage::Uploads {
        keep_hours,
        longest_megabytes,
        quota_megabytes,
        idle_seconds,
        unfinished_hours,
    } = config.uploads;
    checker.within("uploads.keep_hours", keep_hours.into(), 1, 24 * 366);
    checker.within("uploads.longest_megabytes", longest_megabytes, 1, MOST);
    checker.within("uploads.quota_megabytes", quota_megabytes, 1, MOST);
    checker.within("uploads.idle_seconds", idle_seconds, 1, 3600);
    checker.within("uploads.unfinished_hours", unfinished_hours.into(), 1, 24 * 366);
    let snapshots = &config.snapshots;
    checker.within("snapshots.keep", snapshots.keep.into(), 1, 1000);
    checker.within("snapshots.most_megabytes", snapshots.most_megabytes, 1, MOST);
    checker.within("snapshots.keep_free_megabytes", snapshots.keep_free_megabytes, 0, MOST);
    checker.within("bundles.keep", config.bundles.keep.into(), 0, 100);
    checker.within("debug.keep_hours", config.debug.keep_hours.into(), 1, 24 * 366);
    checker.within("debug.keep", config.debug.keep.into(), 1, 100);
    checker.within("log.file_megabytes", config.log.file_megabytes.into(), 0, 1000);
    checker.within("slots.scrub_hours", config.slots.scrub_hours.into(), 1, 24 * 366);
}

fn safety(checker: &mut Checker, safety: &Safety) {
    checker.within("safety.clear_for_seconds", safety.clear_for_seconds, 0, 3600);
    checker.within("safety.override.seconds", safety.overrides.seconds, 1, LONGEST_OVERRIDE);
    let sources = sources::check(checker, safety);
    for (key, state) in
        [("safety.crane_motion", &safety.crane_motion), ("safety.acs_collision", &safety.acs_collision)]
    {
        if state.enabled {
            sources.state(checker, key, state);
        }
    }
    if safety.ups_battery.enabled {
        sources.level(checker, "safety.ups_battery", &safety.ups_battery);
    }
    let maximum = safety.system_load.maximum_per_core;
    let fits = maximum.is_finite() && maximum > 0.0;
    checker.require(fits, "safety.system_load.maximum_per_core", "must be a number above 0");
    let fits = (0.0..=100.0).contains(&safety.system_load.maximum_pressure);
    checker.require(
        fits,
        "safety.system_load.maximum_pressure",
        "must be a number from 0 to 100, in percent",
    );
}
