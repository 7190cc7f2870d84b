//! `user`: who may log in.

use super::{Failure, output, secret};
use crate::account::check_name;
use crate::auth;
use crate::password;
use crate::recorded::recorded;
use clap::Subcommand;
use ota_core::{AuditAction, AuditEntry, Role};
use ota_store::{SqliteStore, User};
use serde_json::json;
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
    // Whoever is still connected with a session that has ended is let go at once.
    auth::ring(data_dir);
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
    check_name(&name).map_err(Failure::usage)?;
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
    let what = format!("password for {name}");
    let work = move || password::hash(&secret::read(&what)?).map_err(Failure::failed);
    tokio::task::spawn_blocking(work).await.map_err(Failure::failed)?
}
