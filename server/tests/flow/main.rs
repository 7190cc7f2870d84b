//! The product as its users run it: the real program, a real repository, real slots and a real boot environment; and its bad
//! days.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod audit;
mod factory_reset;
mod flood;
mod gate;
mod gateway;
mod interlocks;
mod kills;
mod loop_device;
mod moments;
mod plant;
mod recovery_slot;
mod refusals;
mod repository;
mod resumable;
mod rollback;
#[path = "../support/mod.rs"]
mod support;
mod ways_back;
mod whole_way;
