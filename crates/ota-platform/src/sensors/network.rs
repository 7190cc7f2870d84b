//! Whether the gateway has a way out, or at least to its repository.

use super::board::Board;
use super::poll::Polled;
use super::rule::Judgement;
use async_trait::async_trait;
use ota_core::{ConstraintId, ConstraintState};
use ota_engine::ports::Clock;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::fs;
use tokio::net::TcpStream;
use tokio::time::timeout;

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

/// So many checks in a row must say otherwise before the repository counts as reachable, or no longer.
const CHECKS: u32 = 3;

/// Looks at the routes and knocks at the repository.
pub(super) struct Network {
    config: NetworkConfig,
    board: Arc<Board>,
    clock: Arc<dyn Clock>,
    repository: Reach,
}

/// Whether a host that now and then answers counts as reachable.
#[derive(Debug, Default)]
struct Reach {
    reached: Option<bool>,
    /// Checks in a row that found the other thing.
    against: u32,
}

impl Reach {
    /// The first check counts by itself.
    const fn note(&mut self, connects: bool) -> bool {
        match self.reached {
            Some(reached) if reached == connects => self.against = 0,
            Some(_) if self.against + 1 < CHECKS => self.against += 1,
            _ => *self = Self { reached: Some(connects), against: 0 },
        }
        matches!(self.reached, Some(true))
    }
}

impl Network {
    pub(super) const fn new(config: NetworkConfig, board: Arc<Board>, clock: Arc<dyn Clock>) -> Self {
        Self { config, board, clock, repository: Reach { reached: None, against: 0 } }
    }
}

#[async_trait]
impl Polled for Network {
    async fn look(&mut self) -> bool {
        let stable = self.repository.note(connects(&self.config).await);
        let route = has_default_route(&self.config).await;
        let judgement = judge(route, stable, self.config.repository.as_ref());
        let source = "routes and repository".to_owned();
        let now = self.clock.boot();
        self.board.put(ConstraintId::Network, judgement, source, (now, now), self.config.max_age);
        true
    }
}

fn judge(route: bool, stable: bool, repository: Option<&(String, u16)>) -> Judgement {
    let host = repository.map_or("none", |(host, _)| host);
    let (state, status, reason) = match (route, stable) {
        (_, true) => {
            (ConstraintState::Clear, "online", format!("The repository's host {host} can be reached."))
        }
        (true, false) if repository.is_none() => {
            (ConstraintState::Clear, "online", "The gateway has a default route.".to_owned())
        }
        (true, false) => {
            let reason =
                format!("The gateway has a default route, but the repository's host {host} does not answer.");
            (ConstraintState::Clear, "online", reason)
        }
        (false, false) => {
            let reason = format!(
                "The gateway has no default route, and the repository's host {host} was not reached in each of the last \
                 {CHECKS} checks."
            );
            (ConstraintState::Blocking, "offline", reason)
        }
    };
    Judgement { state, status: status.to_owned(), level: None, threshold: None, reason, clears_in: None }
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
    fn a_repository_that_comes_and_goes_is_believed_in_when_it_stays() {
        let mut reach = Reach::default();
        let seen = [true, false, false, true, false, false, false, true, true, false, true, true, true];
        let believed = seen.map(|connects| reach.note(connects));
        let expected = [true, true, true, true, true, true, false, false, false, false, false, false, true];
        assert_eq!(believed, expected);
        assert!(!Reach::default().note(false), "nothing is believed in before it was seen");
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
