//! The gateway's server.
