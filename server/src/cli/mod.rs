//! The command line.
//!
//! | exit status | meaning |
//! |---|---|
//! | 0 | done |
//! | 1 | it did not work; the error output says why |
//! | 2 | wrong usage, or a configuration that cannot be used |
//! | 3 | `verify`: the bundle is refused; `audit verify`: the log is not whole |
//! | 4 | `boot-apply`: a slot was written; restart before anything is mounted |
//!
//! Commands that speak with a running gateway have 3 to 7 for themselves: see [`ota_cli`].

mod audit;
mod boot_apply;
mod check_config;
mod env;
mod output;
mod pin;
mod provision;
mod remote;
mod secret;
mod status;
mod user;
mod verify;

use crate::config::{Inputs, Loaded};
use crate::{logging, service, wiring};
use clap::{Parser, Subcommand};
use ota_core::{Actor, SlotId};
use ota_store::SqliteStore;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Updates this gateway's operating system over the air.
#[derive(Debug, Parser)]
#[command(name = "gateway-ota", version)]
struct Cli {
    /// Configuration file.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Directory of the database and of downloads, over what the configuration says.
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the service in the foreground.
    Serve {
        /// Address and port, over what the configuration says.
        #[arg(long)]
        listen: Option<SocketAddr>,
    },
    /// Carries out what was ordered for the next start of the gateway: a factory reset, or an update in place. Does nothing where nothing
    /// was.
    ///
    /// Belongs into the initramfs, before the root file system is mounted and as soon as the data directory can be written. Ends with
    /// status 4 when a slot was written: restart then, before anything is mounted.
    BootApply,
    /// Prints every effective value of the configuration and where it came from.
    CheckConfig {
        #[arg(long)]
        json: bool,
    },
    /// Manages those who may log in.
    #[command(subcommand)]
    User(user::Command),
    /// Sets the PINs that open an override and a factory reset.
    #[command(subcommand)]
    Pin(pin::Command),
    /// Reads, exports and verifies the audit log; works without the service.
    #[command(subcommand)]
    Audit(audit::Command),
    /// Tells how the gateway stands: without --url from database and boot environment, which works without the service; with it as
    /// that gateway's service tells it.
    Status {
        #[command(flatten)]
        target: ota_cli::Target,
    },
    /// Begins a session on a gateway, for commands that speak with it; the password is the first line of the standard input. Writes the
    /// token to the file of --token-file, or prints it.
    Login {
        name: String,
        #[command(flatten)]
        target: ota_cli::Target,
    },
    #[command(flatten)]
    Gateway(ota_cli::Command),
    /// Verifies a bundle completely, as an installation would.
    Verify {
        file: PathBuf,
        #[arg(long)]
        json: bool,
    },
    /// Prints the boot environment's variables and the slot that starts next.
    Env {
        #[arg(long)]
        json: bool,
    },
    /// Puts the factory's bundles into the slots of a gateway that was never provisioned. Changes nothing on another one.
    Provision {
        /// `A=BUNDLE` and `B=BUNDLE`; the inactive slot may be left out.
        #[arg(long = "slot", value_name = "SLOT=BUNDLE", required = true, value_parser = provision::assignment)]
        slots: Vec<(SlotId, PathBuf)>,
        /// The slot that starts first.
        #[arg(long, default_value = "A")]
        active: SlotId,
        /// Size of slot files that do not exist yet, in MiB.
        #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..=1_048_576))]
        slot_mib: u64,
    },
}

/// Why a command did not do what it was asked, and the exit status that says so.
#[derive(Debug)]
struct Failure {
    status: u8,
    /// Empty where everything was said already.
    message: String,
}

impl Failure {
    fn failed(message: impl fmt::Display) -> Self {
        Self { status: 1, message: message.to_string() }
    }

    fn usage(message: impl fmt::Display) -> Self {
        Self { status: 2, message: message.to_string() }
    }

    const fn silent_usage() -> Self {
        Self { status: 2, message: String::new() }
    }

    fn refused(message: impl fmt::Display) -> Self {
        Self { status: 3, message: message.to_string() }
    }
}

impl From<ota_cli::Failure> for Failure {
    fn from(failure: ota_cli::Failure) -> Self {
        Self { status: failure.status, message: failure.message }
    }
}

/// Runs the command that this process was started with.
#[must_use]
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Also help and version come this way. clap's own exit would panic over a closed output.
            _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match perform(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.message.is_empty() {
                output::complain(&failure.message);
            }
            ExitCode::from(failure.status)
        }
    }
}

fn perform(cli: Cli) -> Result<(), Failure> {
    let Cli { config, data_dir, command } = cli;
    let mut inputs = Inputs::from_process(config);
    inputs.data_dir = data_dir;
    let here = || remote::this_machine(&inputs);
    match command {
        Command::Gateway(command) => return complete(ota_cli::run(command, here)),
        Command::Login { name, target } => return complete(remote::login(name, &target, here)),
        Command::Status { target } if target.url.is_some() => {
            return complete(ota_cli::status(&target, here));
        }
        _ => {}
    }
    if let Command::Serve { listen } = &command {
        inputs.listen = *listen;
    }
    let loaded = Loaded::read(&inputs).map_err(Failure::usage)?;
    if let Command::CheckConfig { json } = command {
        return check_config::run(loaded, json);
    }
    complete(perform_with(command, loaded))
}

fn complete<E: Into<Failure>>(work: impl Future<Output = Result<(), E>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Runtime::new().map_err(Failure::failed)?;
    let done = runtime.block_on(work);
    // Work that nobody waits for any more must not hold up the end.
    runtime.shutdown_background();
    done.map_err(Into::into)
}

async fn perform_with(command: Command, loaded: Loaded) -> Result<(), Failure> {
    if let Command::User(command) = command {
        // Users can be added before the rest of the configuration is complete.
        return user::run(command, &loaded.unchecked().data_dir).await;
    }
    if let Command::Pin(command) = command {
        return pin::run(command, &loaded.unchecked().data_dir).await;
    }
    if let Command::Audit(command) = command {
        return audit::run(command, &loaded.unchecked().data_dir).await;
    }
    let config = loaded.checked().map_err(Failure::usage)?;
    match command {
        Command::Serve { .. } => {
            logging::start(&config.log, wiring::service_log(&config));
            service::serve(config).await.map_err(Failure::failed)
        }
        Command::BootApply => {
            logging::start(&config.log, None);
            boot_apply::run(&config).await
        }
        Command::Status { target } => status::run(&config, target.json).await,
        Command::Verify { file, json } => verify::run(&config, file, json).await,
        Command::Env { json } => env::run(&config, json).await,
        Command::Provision { slots, active, slot_mib } => {
            logging::start(&config.log, None);
            provision::run(&config, slots, active, slot_mib << 20).await
        }
        Command::CheckConfig { .. }
        | Command::User(_)
        | Command::Pin(_)
        | Command::Audit(_)
        | Command::Login { .. }
        | Command::Gateway(_) => Ok(()),
    }
}

/// Whoever runs this command: the name that they logged in with, as far as the system tells, and the user id.
fn operator() -> Actor {
    let named = |variable| std::env::var(variable).ok().filter(|name| !name.is_empty());
    let uid = format!("uid {}", rustix::process::getuid().as_raw());
    let name = named("SUDO_USER").or_else(|| named("LOGNAME")).or_else(|| named("USER"));
    Actor::local(name.map_or_else(|| uid.clone(), |name| format!("{name} ({uid})")))
}

/// Opens the database; makes directory and database where they are missing and `create` says so.
async fn open_store(data_dir: &Path, create: bool) -> Result<SqliteStore, Failure> {
    let path = wiring::database(data_dir);
    if create {
        wiring::prepare_directory(data_dir).map_err(Failure::failed)?;
    } else if !path.exists() {
        let message = format!("there is no database {}: this gateway was never started", path.display());
        return Err(Failure::failed(message));
    }
    SqliteStore::open(path).await.map_err(Failure::failed)
}
