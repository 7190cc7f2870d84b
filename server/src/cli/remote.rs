//! Commands that speak with a running gateway: what only this program knows about the one of this machine.

use super::{Failure, secret};
use crate::config::{Inputs, Loaded};
use ota_cli::{Local, Target};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

pub(super) async fn login(
    name: String,
    target: &Target,
    here: impl FnOnce() -> Result<Local, String>,
) -> Result<(), Failure> {
    let what = format!("password of {name}");
    let password =
        tokio::task::spawn_blocking(move || secret::read(&what)).await.map_err(Failure::failed)??;
    Ok(ota_cli::login(target, here, name, password).await?)
}

/// Where the service of this machine listens, and its id.
pub(super) fn this_machine(inputs: &Inputs) -> Result<Local, String> {
    let hint = "or name a gateway with --url and --gateway";
    let loaded = Loaded::read(inputs).map_err(|error| format!("{error}; {hint}"))?;
    let config = loaded.checked().map_err(|error| format!("{error}; {hint}"))?;
    let listen: SocketAddr =
        config.server.listen.parse().map_err(|error| format!("{}: {error}; {hint}", config.server.listen))?;
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let scheme = if config.server.tls_certificate.is_some() { "https" } else { "http" };
    let url = format!("{scheme}://{}", SocketAddr::new(ip, listen.port()));
    let url = url.parse().map_err(|error| format!("{url}: {error}"))?;
    Ok(Local { url, gateway: config.gateway.id })
}
