//! The product's speed and memory, measured on the real program.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::cast_precision_loss
)]

mod by_hand;
mod floor;
#[path = "../../tests/flow/gateway.rs"]
mod gateway;
mod load;
mod memory;
mod sockets;
#[path = "../../tests/support/mod.rs"]
mod support;
mod update;
mod wire;

#[tokio::main]
async fn main() {
    println!("{:<58} {:>14}", "What", "Measured");
    let gateway = update::run().await;
    by_hand::run(&gateway).await;
    load::run(&gateway).await;
    sockets::run(&gateway).await;
    wire::run();
}

/// One line of the table.
fn row(what: &str, measured: impl std::fmt::Display) {
    println!("{what:<58} {measured:>14}");
}
