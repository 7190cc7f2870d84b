//! The routes, driven through the router: a real engine and a real database, with the world beyond the ports played here.
//! One file a route, and one for what holds for all of them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

mod answers;
mod audit;
mod automatic;
mod cancel;
mod check_updates;
mod debug_bundle;
mod download;
mod events;
mod every_route;
mod factory;
mod health;
mod idempotency;
mod install;
mod login;
mod logs;
mod manual;
mod monitor;
mod newer_release;
mod openapi;
mod page;
mod panics;
mod progress;
mod reboot;
mod recovery_upload;
mod request_log;
mod restore;
mod resumable;
mod rollback;
mod safety;
mod safety_override;
mod settings;
mod setup;
mod snapshot;
mod status;
mod trial;
mod updates;
mod upload;
mod upload_corpus;
mod web_socket;
mod wire;
