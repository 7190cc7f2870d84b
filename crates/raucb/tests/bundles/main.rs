//! Bundles of stock `rauc`, of this crate, and damaged ones. Needs `rauc` and `squashfs-tools`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod certificates;
mod classes;
mod layouts;
mod oracle;
mod refusals;
mod sealing;
mod streaming;
mod writing;
