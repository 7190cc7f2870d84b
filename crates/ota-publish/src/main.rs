//! `ota-publish`: see `ota-publish --help`.

mod arguments;
mod commands;

use arguments::Arguments;
use clap::Parser;
use std::error::Error;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let colors = io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colors).with_writer(io::stderr).init();
    match commands::run(arguments.command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(error.as_ref());
            ExitCode::FAILURE
        }
    }
}

/// The error and what led to it, on one line.
fn complain(error: &dyn Error) {
    let mut sentence = format!("ota-publish: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        sentence.push_str(&format!(": {error}"));
        cause = error.source();
    }
    // With standard error closed there is nobody left to tell.
    let _ = writeln!(io::stderr().lock(), "{sentence}");
}
