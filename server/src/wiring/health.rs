//! From the configuration to the checks of a trial.

use super::{WiringError, failed, url};
use crate::config::{Check, Config};
use crate::database_check::DatabaseCheck;
use ota_core::{BySlot, CheckKind, CheckPlan};
use ota_engine::ports::{HealthCheck, Store};
use ota_platform as platform;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// How long the gateway's own web server may take to answer.
const OWN_ANSWER: Duration = Duration::from_secs(5);

/// Pause between two attempts of the gateway's own checks.
const OWN_INTERVAL: Duration = Duration::from_secs(1);

/// Database and own web server always, then what the site configured.
pub(super) fn checks(
    config: &Config,
    store: &Arc<dyn Store>,
    address: SocketAddr,
) -> Result<Vec<Arc<dyn HealthCheck>>, WiringError> {
    let scheme = if config.server.tls_certificate.is_some() { "https" } else { "http" };
    let deadline = Duration::from_secs(config.health.deadline_seconds);
    let (name, kind) = ("web server".to_owned(), CheckKind::Http);
    let own = platform::HttpCheckConfig {
        plan: CheckPlan { name, kind, required: true, deadline, interval: OWN_INTERVAL, times: 1 },
        url: url(&format!("{scheme}://{}/healthz", from_here(address)))?,
        status: None,
        contains: None,
        timeout: OWN_ANSWER,
        any_certificate: true,
    };
    let mut checks: Vec<Arc<dyn HealthCheck>> = vec![
        Arc::new(DatabaseCheck::new(Arc::clone(store), deadline, OWN_INTERVAL)),
        Arc::new(platform::HttpCheck::new(own).map_err(failed("cannot ask the own web server"))?),
    ];
    for check in &config.health.check {
        checks.push(site_check(config, check, &[])?);
    }
    Ok(checks)
}

/// A check of the site; `environment` is for one that is a program.
pub(super) fn site_check(
    config: &Config,
    check: &Check,
    environment: &[(String, String)],
) -> Result<Arc<dyn HealthCheck>, WiringError> {
    let plan = |kind| CheckPlan {
        name: check.name.clone(),
        kind,
        required: check.required,
        deadline: Duration::from_secs(check.deadline_seconds.unwrap_or(config.health.deadline_seconds)),
        interval: Duration::from_secs(check.interval_seconds),
        times: check.times,
    };
    let timeout = Duration::from_secs(check.timeout_seconds);
    if let Some(text) = &check.url {
        let http = platform::HttpCheckConfig {
            plan: plan(CheckKind::Http),
            url: url(text)?,
            status: check.status,
            contains: check.contains.clone(),
            timeout,
            any_certificate: false,
        };
        return Ok(Arc::new(platform::HttpCheck::new(http).map_err(failed("cannot ask a web server"))?));
    }
    if let Some(text) = &check.connect {
        let address = platform::HostPort::parse(text, 0);
        let address = address.ok_or_else(|| WiringError::new("cannot use an address", text))?;
        let tcp = platform::TcpCheckConfig { plan: plan(CheckKind::Tcp), address, timeout };
        return Ok(Arc::new(platform::TcpCheck::new(tcp)));
    }
    if let Some(unit) = &check.unit {
        let systemd = platform::SystemdCheckConfig::new(plan(CheckKind::Systemd), unit.clone(), timeout);
        return Ok(Arc::new(platform::SystemdCheck::new(systemd)));
    }
    Ok(Arc::new(platform::ExecutableCheck::new(platform::ExecutableCheckConfig {
        plan: plan(CheckKind::Executable),
        command: check.command.clone(),
        timeout,
        devices: BySlot { a: config.slots.a.rootfs.clone(), b: config.slots.b.rootfs.clone() },
        environment: environment.to_vec(),
    })))
}

/// An address that listens everywhere is asked on loopback.
fn from_here(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
