//! The product as its users run it: the real program, a real repository, real slots and a real boot environment; and its bad
//! days.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod audit;
mod by_itself;
mod commands;
mod factory_reset;
mod flood;
mod full_disk;
mod gate;
mod gateway;
mod in_place;
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
mod rolling;
mod slow_disk;
mod small_disk;
#[path = "../support/mod.rs"]
mod support;
mod throttle;
mod ways_back;
mod whole_way;
mod writable_slots;
