//! Use cases, ports and the job runner of Gateway OTA.
//!
//! [`Ota`] is the door: every route and every timer goes through its methods. It owns the open jobs, feeds their events to
//! the pure state machine of `ota-core`, makes each new state durable before its effect is performed, and performs effects
//! through [`ports`]. Readers never wait for it: they take the [`Snapshot`] of the moment.

pub mod ports;
