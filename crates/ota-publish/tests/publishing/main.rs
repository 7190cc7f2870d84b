//! The publisher from outside: files that it leaves, servers that it runs, the program itself.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cli;
mod demo;
mod faults;
mod image;
mod keys;
mod releases;
mod repository;
mod serve;
mod support;
