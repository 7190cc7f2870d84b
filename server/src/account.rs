//! What somebody who logs in may be called.

/// A name that nobody can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a user’s name has 1 to 64 letters, digits, “.”, “_”, “-” or “@”")]
pub(crate) struct BadName;

/// # Errors
/// [`BadName`].
pub(crate) fn check_name(name: &str) -> Result<(), BadName> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-@".contains(c);
    if (1..=64).contains(&name.len()) && name.chars().all(fits) { Ok(()) } else { Err(BadName) }
}
