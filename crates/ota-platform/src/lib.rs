//! Adapters behind the device ports of Gateway OTA. The only crate that opens devices or starts programs.

mod boot;
mod bundles;
mod clock;
mod fetch;
mod health;
mod reboot;
mod repository;
mod sensors;
mod slots;
mod telemetry;
