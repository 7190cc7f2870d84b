//! TUF repositories over HTTP: good ones, and every way in which one can be bad.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod refusals;
mod releases;
mod site;
