//! `user`: who may log in. Passwords come from the standard input and never from the command line, where every user of
//! the system could read them.

use super::{Failure, output};
use crate::password;
use crate::recorded::recorded;
use clap::Subcommand;
use ota_core::{AuditAction, AuditEntry, Role};
use ota_store::{SqliteStore, User};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use serde_json::json;
use std::io::{BufRead, IsTerminal, Write};
use std::path::Path;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Adds a user; the password is the first line of the standard input.
    Add {
        name: String,
        /// viewer, operator or admin.
        #[arg(long)]
        role: Role,
        /// Does nothing when the user is there already.
        #[arg(long)]
        if_missing: bool,
    },
    /// Replaces a password and ends the user's sessions; the password is the first line of the standard input.
    Passwd { name: String },
    /// Removes a user and ends their sessions.
    Remove { name: String },
    /// Lists all users.
    List {
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(command: Command, data_dir: &Path) -> Result<(), Failure> {
    let store = super::open_store(data_dir, true).await?;
    let done = perform(command, &store).await;
    store.close().await;
    done
}

async fn perform(command: Command, store: &SqliteStore) -> Result<(), Failure> {
    match command {
        Command::Add { name, role, if_missing } => add(store, name, role, if_missing).await,
        Command::Passwd { name } => {
            let hash = read_and_hash(&name).await?;
            let attempt = entry(AuditAction::UserChange, &name).saying("the password");
            let replaced = recorded(store, attempt, store.replace_password(&name, &hash)).await;
            replaced.map_err(Failure::failed)?;
            output::line(format!("The password of {name} was replaced; their sessions have ended."));
            Ok(())
        }
        Command::Remove { name } => {
            let attempt = entry(AuditAction::UserRemove, &name);
            recorded(store, attempt, store.remove_user(&name)).await.map_err(Failure::failed)?;
            output::line(format!("Removed {name}."));
            Ok(())
        }
        Command::List { json } => list(store, json).await,
    }
}

async fn add(store: &SqliteStore, name: String, role: Role, if_missing: bool) -> Result<(), Failure> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-@".contains(c);
    if name.is_empty() || name.len() > 64 || !name.chars().all(fits) {
        return Err(Failure::usage("a user’s name has 1 to 64 letters, digits, “.”, “_”, “-” or “@”"));
    }
    if if_missing && store.user(&name).await.map_err(Failure::failed)?.is_some() {
        return Ok(());
    }
    let password_hash = read_and_hash(&name).await?;
    let user = User { name, role, password_hash, created_at: jiff::Timestamp::now() };
    let attempt = entry(AuditAction::UserAdd, &user.name).saying(format!("as {}", role.as_str()));
    recorded(store, attempt, store.add_user(&user)).await.map_err(Failure::failed)?;
    output::line(format!("Added {} as {}.", user.name, role.as_str()));
    Ok(())
}

fn entry(action: AuditAction, name: &str) -> AuditEntry {
    AuditEntry::attempt(&super::operator(), action).about(name)
}

async fn list(store: &SqliteStore, as_json: bool) -> Result<(), Failure> {
    let users = store.users().await.map_err(Failure::failed)?;
    if as_json {
        let users: Vec<_> = users
            .iter()
            .map(|user| json!({ "name": user.name, "role": user.role, "created_at": user.created_at.to_string() }))
            .collect();
        return output::json(&users);
    }
    for user in users {
        output::line(format!("{}\t{}", user.name, user.role.as_str()));
    }
    Ok(())
}

async fn read_and_hash(name: &str) -> Result<String, Failure> {
    let name = name.to_owned();
    let work = move || password::hash(&read_password(&name)?).map_err(Failure::failed);
    tokio::task::spawn_blocking(work).await.map_err(Failure::failed)?
}

/// The first line of the standard input; a terminal is asked and does not echo.
fn read_password(name: &str) -> Result<String, Failure> {
    let input = std::io::stdin();
    let before = if input.is_terminal() { tcgetattr(&input).ok() } else { None };
    if let Some(terminal) = &before {
        _ = write!(std::io::stderr(), "Password for {name}: ");
        let mut silent = terminal.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(&input, OptionalActions::Flush, &silent).map_err(Failure::failed)?;
    }
    let mut line = String::new();
    let read = input.lock().read_line(&mut line);
    if let Some(terminal) = &before {
        _ = tcsetattr(&input, OptionalActions::Flush, terminal);
        _ = writeln!(std::io::stderr());
    }
    read.map_err(|error| {
        Failure::failed(format!("cannot read the password from the standard input: {error}"))
    })?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
