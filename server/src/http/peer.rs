//! Where a request came from.

use axum::extract::ConnectInfo;
use http::Extensions;
use ota_core::Actor;
use std::net::{IpAddr, SocketAddr};

/// The address at the other end of the connection. What a header says about it is not believed.
pub(super) fn address(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip())
}

/// The user of a request, with its address.
pub(super) fn actor(user: &str, extensions: &Extensions) -> Actor {
    Actor::remote(user, address(extensions))
}
