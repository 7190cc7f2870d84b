//! The gateway's server.

mod account;
pub mod auth;
pub mod boot_orders;
pub mod cli;
pub mod config;
mod database_check;
pub mod debug_bundle;
mod feed;
pub mod http;
pub mod logging;
pub mod metrics;
mod model_start;
mod notify;
pub mod open_files;
pub mod openapi;
pub mod password;
pub mod provision;
mod recorded;
pub mod reset;
pub mod serve;
pub mod service;
pub mod service_log;
pub mod setup;
mod sse;
pub mod tls;
pub mod wiring;
mod ws;
