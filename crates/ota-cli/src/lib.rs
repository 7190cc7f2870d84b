//! Commands that speak with a running gateway, here or elsewhere, over its HTTP interface.
//!
//! What is ordered here is checked, refused and recorded as if it came from the page. Which gateway is meant, and who asks, says
//! [`Target`].

mod client;
mod commands;
mod failure;
mod follow;
mod output;
mod target;
mod wait;

pub use commands::{login, status};
pub use failure::Failure;
pub use target::{Local, Target};

use clap::Subcommand;
use ota_api::Strategy;

/// What can be asked of a gateway, or ordered.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Lists the updates that the gateway offers.
    Updates {
        #[command(flatten)]
        target: Target,
    },
    /// Has the gateway ask its repository for updates.
    Check {
        #[command(flatten)]
        target: Target,
    },
    /// Downloads and installs an update, and restarts the gateway into it as soon as the machine is still.
    Install {
        /// A version, or the id of an update, as `updates` lists them.
        version: String,
        /// Install only: the new system starts with the next restart.
        #[arg(long)]
        no_restart: bool,
        /// Take a snapshot of the running system first.
        #[arg(long)]
        snapshot: bool,
        /// seamless, in_place or rolling; that of the settings where none is given.
        #[arg(long, value_parser = commands::strategy)]
        strategy: Option<Strategy>,
        #[command(flatten)]
        wait: wait::Wait,
        #[command(flatten)]
        target: Target,
    },
    /// Makes the system in the other slot the next one.
    Rollback {
        /// Goes into the audit log.
        #[arg(long)]
        reason: String,
        /// Restart the gateway into it.
        #[arg(long)]
        restart: bool,
        #[command(flatten)]
        wait: wait::Wait,
        #[command(flatten)]
        target: Target,
    },
    /// Restarts the gateway, into an installed update where one waits for that.
    Reboot {
        /// Goes into the activity log.
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        target: Target,
    },
    /// Ends a job.
    Cancel {
        job: String,
        #[arg(long, default_value = "")]
        reason: String,
        #[command(flatten)]
        target: Target,
    },
    /// Prints the activity log, oldest line first.
    Logs {
        /// Go on with what happens, until interrupted.
        #[arg(short, long)]
        follow: bool,
        /// The newest lines, so many.
        #[arg(short = 'n', long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
        /// debug, info, warning or error: lines of exactly this level.
        #[arg(long)]
        level: Option<String>,
        /// Lines since this time, as 2025-03-15T10:25:30Z.
        #[arg(long)]
        since: Option<String>,
        #[command(flatten)]
        target: Target,
    },
    /// Tells how the safety constraints stand.
    Safety {
        #[command(flatten)]
        target: Target,
    },
    /// Prints the update settings, or changes those that are named.
    Settings {
        /// As `auto_update.enabled=true`. All of them are changed or none.
        #[arg(value_name = "KEY=VALUE")]
        changes: Vec<String>,
        #[command(flatten)]
        target: Target,
    },
}

/// Carries out a command. `local` is the gateway of this machine.
///
/// # Errors
/// [`Failure`], whose `status` is the exit status.
pub async fn run(command: Command, local: impl FnOnce() -> Result<Local, String>) -> Result<(), Failure> {
    match command {
        Command::Updates { target } => commands::updates(&target.connect(local)?).await,
        Command::Check { target } => commands::check(&target.connect(local)?).await,
        Command::Install { version, no_restart, snapshot, strategy, wait, target } => {
            let order = commands::Order { version, restart: !no_restart, snapshot, strategy };
            commands::install(&target.connect(local)?, order, &wait).await
        }
        Command::Rollback { reason, restart, wait, target } => {
            commands::rollback(&target.connect(local)?, &reason, restart, &wait).await
        }
        Command::Reboot { reason, target } => commands::reboot(&target.connect(local)?, &reason).await,
        Command::Cancel { job, reason, target } => {
            commands::cancel(&target.connect(local)?, &job, &reason).await
        }
        Command::Logs { follow, limit, level, since, target } => {
            let wanted = commands::Lines { limit, level, since };
            commands::logs(&target.connect(local)?, &wanted, follow).await
        }
        Command::Safety { target } => commands::safety(&target.connect(local)?).await,
        Command::Settings { changes, target } => commands::settings(&target.connect(local)?, &changes).await,
    }
}
