//! Downloads over real connections that break in every way that a server can arrange.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod going_on;
mod refusals;
mod site;
mod staging;
