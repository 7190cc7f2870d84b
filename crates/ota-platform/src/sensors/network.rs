//! Whether the gateway has a way out, or at least to its repository.

use super::board::{Board, Judgement};
use ota_core::{ConstraintId, ConstraintState};
use ota_engine::ports::Clock;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::fs;
use tokio::net::TcpStream;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// Flags of a route, from the kernel's `route.h`.
const ROUTE_UP: u32 = 0x1;
const ROUTE_REJECT: u32 = 0x200;

/// What is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkConfig {
    /// Host and port of the repository.
    pub repository: Option<(String, u16)>,
    /// The kernel's tables, `/proc` on a gateway.
    pub proc: PathBuf,
    pub interval: Duration,
    /// Older readings count as unknown; a connection is not waited for any longer either.
    pub max_age: Duration,
}

pub(super) async fn run(config: NetworkConfig, board: Arc<Board>, clock: Arc<dyn Clock>) {
    let mut ticks = interval(config.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut connected_at = None;
    loop {
        ticks.tick().await;
        if connects(&config).await {
            connected_at = Some(clock.boot());
        }
        let now = clock.boot();
        let lately = connected_at.is_some_and(|at| now.saturating_sub(at) <= config.max_age);
        let judgement = judge(has_default_route(&config).await, lately, config.repository.as_ref());
        board.put(ConstraintId::Network, judgement, "routes and repository", now, config.max_age);
    }
}

fn judge(route: bool, connects: bool, repository: Option<&(String, u16)>) -> Judgement {
    let (state, status, reason) = match (route, connects) {
        (_, true) => (ConstraintState::Clear, "online", "The repository's host can be reached.".to_owned()),
        (true, false) if repository.is_none() => {
            (ConstraintState::Clear, "online", "The gateway has a default route.".to_owned())
        }
        (true, false) => {
            let reason = "The gateway has a default route, but the repository's host does not answer.";
            (ConstraintState::Clear, "online", reason.to_owned())
        }
        (false, false) => {
            let reason = "The gateway has no default route and the repository's host cannot be reached.";
            (ConstraintState::Blocking, "offline", reason.to_owned())
        }
    };
    Judgement { state, status: status.to_owned(), level: None, threshold: None, reason }
}

async fn connects(config: &NetworkConfig) -> bool {
    let Some((host, port)) = &config.repository else { return false };
    let connection = TcpStream::connect((host.as_str(), *port));
    // Longer than the interval would delay what the routes have to say.
    matches!(timeout(config.max_age.min(config.interval), connection).await, Ok(Ok(_)))
}

async fn has_default_route(config: &NetworkConfig) -> bool {
    let read = |name: &str| fs::read_to_string(config.proc.join("net").join(name));
    // A table that is not there is one of a protocol that the kernel does not speak.
    let ipv4 = read("route").await.unwrap_or_default();
    let ipv6 = read("ipv6_route").await.unwrap_or_default();
    ipv4.lines().any(is_ipv4_default) || ipv6.lines().any(is_ipv6_default)
}

/// Columns: interface, destination, gateway, flags, reference count, use, metric, mask …
fn is_ipv4_default(line: &str) -> bool {
    let columns: Vec<_> = line.split_ascii_whitespace().collect();
    matches!(columns.as_slice(), [_, "00000000", _, flags, _, _, _, "00000000", ..] if is_usable(flags))
}

/// Columns: destination, its length, source, its length, next hop, metric, reference count, use, flags, interface.
fn is_ipv6_default(line: &str) -> bool {
    let columns: Vec<_> = line.split_ascii_whitespace().collect();
    let any = "00000000000000000000000000000000";
    matches!(columns.as_slice(), [to, "00", _, _, _, _, _, _, flags, device]
        if *to == any && *device != "lo" && is_usable(flags))
}

fn is_usable(flags: &str) -> bool {
    u32::from_str_radix(flags, 16).is_ok_and(|flags| flags & ROUTE_UP != 0 && flags & ROUTE_REJECT == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_routes_are_found_in_the_kernels_tables() {
        assert!(is_ipv4_default("eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0"));
        assert!(!is_ipv4_default("eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0"));
        assert!(!is_ipv4_default("eth0\t00000000\t010200C0\t0000\t0\t0\t0\t00000000\t0\t0\t0"), "down");
        assert!(!is_ipv4_default("Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask"));
        let any = "0".repeat(32);
        let hop = "fe80000000000000000000000000000a";
        assert!(is_ipv6_default(&format!(
            "{any} 00 {any} 00 {hop} 00000400 00000001 00000000 00000003     eth0"
        )));
        assert!(!is_ipv6_default(&format!(
            "{any} 00 {any} 00 {any} ffffffff 00000001 00000000 00200200       lo"
        )));
    }

    #[test]
    fn it_blocks_only_when_neither_way_is_open() {
        let repository = ("localhost".to_owned(), 1);
        for (route, connects, state) in [
            (true, true, ConstraintState::Clear),
            (true, false, ConstraintState::Clear),
            (false, true, ConstraintState::Clear),
            (false, false, ConstraintState::Blocking),
        ] {
            assert_eq!(judge(route, connects, Some(&repository)).state, state);
        }
    }
}
