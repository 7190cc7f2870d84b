use crate::{Failure, Local, Target, output};
use ota_api::{
    auth::{LoggedIn, LoginRequest},
    routes,
};
use std::{fs, io::Write, os::unix::fs::OpenOptionsExt, path::Path};

/// Begins a session and keeps its token in the target's file, or prints it where there is none.
///
/// # Errors
/// [`Failure`], whose `status` is the exit status.
pub async fn login(
    target: &Target,
    local: impl FnOnce() -> Result<Local, String>,
    username: String,
    password: String,
) -> Result<(), Failure> {
    let client = target.stranger(local)?;
    let answer = client.post_to(routes::LOGIN, &LoginRequest { username, password }).await?;
    let LoggedIn { token, expires_at, username, role } = answer.read()?;
    match &target.token_file {
        None if target.json => output::json(&answer.data),
        None => output::line(token),
        Some(path) => {
            keep(path, &token)
                .map_err(|error| Failure::failed(format!("cannot write {}: {error}", path.display())))?;
            let until = format!("{username} is logged in as {} until {expires_at}.", role.as_str());
            output::line(until)
        }
    }
}

/// Only its owner may read it, also while it is written.
fn keep(path: &Path, token: &str) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = fs::File::options().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "{token}")
}
