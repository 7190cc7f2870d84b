//! Who does something, and from where.

use serde::{Deserialize, Serialize};
use std::{fmt, net::IpAddr};

/// Somebody or something that orders or does things on this gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// User name, or what does it where nobody ordered it. A saved job calls it `actor`.
    #[serde(rename = "actor")]
    pub name: String,
    /// Jobs that an older release saved do not know it.
    #[serde(default)]
    pub origin: Origin,
}

/// Where an order came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Over the network, from this address. Empty where it is not known.
    Remote(String),
    /// From the command line of the gateway.
    Local,
    /// By a timer.
    Schedule,
    /// By the service itself: what follows from a state, such as the end of a trial.
    System,
}

impl Actor {
    /// A user at the other end of a connection; `address` is the connection's.
    #[must_use]
    pub fn remote(name: impl Into<String>, address: Option<IpAddr>) -> Self {
        let address = address.map(|address| address.to_canonical().to_string());
        Self { name: name.into(), origin: Origin::Remote(address.unwrap_or_default()) }
    }

    /// Somebody at the command line of the gateway.
    #[must_use]
    pub fn local(name: impl Into<String>) -> Self {
        Self { name: name.into(), origin: Origin::Local }
    }

    /// A timer of the gateway.
    #[must_use]
    pub fn schedule() -> Self {
        Self { name: "schedule".to_owned(), origin: Origin::Schedule }
    }

    /// The service.
    #[must_use]
    pub fn system() -> Self {
        Self { name: "gateway-ota".to_owned(), origin: Origin::System }
    }

    /// True when no person ordered it: an override is never used then.
    #[must_use]
    pub const fn is_automatic(&self) -> bool {
        matches!(self.origin, Origin::Schedule | Origin::System)
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl Origin {
    /// The word for it in the audit log.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Remote(_) => "remote",
            Self::Local => "local",
            Self::Schedule => "schedule",
            Self::System => "system",
        }
    }

    /// The address of whoever is remote; empty otherwise.
    #[must_use]
    pub fn address(&self) -> &str {
        match self {
            Self::Remote(address) => address,
            Self::Local | Self::Schedule | Self::System => "",
        }
    }
}

impl Default for Origin {
    fn default() -> Self {
        Self::Remote(String::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_not_automatic_and_timers_are() {
        let address = "::ffff:10.0.0.7".parse().ok();
        let olga = Actor::remote("olga", address);
        assert_eq!(olga.origin.address(), "10.0.0.7", "an IPv4 client of an IPv6 socket has its own address");
        assert!([olga, Actor::local("root")].iter().all(|actor| !actor.is_automatic()));
        assert!([Actor::schedule(), Actor::system()].iter().all(Actor::is_automatic));
    }
}
