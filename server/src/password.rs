//! Passwords: what is acceptable, how they are kept, and whether one is right. Argon2id, in PHC strings.

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use async_trait::async_trait;
use ota_engine::ports::SecretCheck;

const LEAST: usize = 8;
const MOST: usize = 256;

/// Why a password cannot be set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    #[error("a password has {LEAST} to {MOST} characters")]
    Length,
    #[error("a password is one line without control characters")]
    Control,
    #[error("the password could not be hashed: {0}")]
    Hash(String),
}

/// Hashes a password that is to be set. Takes tens of milliseconds on purpose: call it where blocking is allowed.
///
/// # Errors
/// [`PasswordError`] for a password that is too short or too long, or of which nobody could type every character.
pub fn hash(password: &str) -> Result<String, PasswordError> {
    if !(LEAST..=MOST).contains(&password.chars().count()) {
        return Err(PasswordError::Length);
    }
    if password.contains(char::is_control) {
        return Err(PasswordError::Control);
    }
    argon(password)
}

/// Hashes a PIN that is to be set and was found good.
///
/// # Errors
/// [`PasswordError::Hash`].
pub fn hash_pin(pin: &str) -> Result<String, PasswordError> {
    argon(pin)
}

fn argon(secret: &str) -> Result<String, PasswordError> {
    let hash = Argon2::default().hash_password(secret.as_bytes());
    hash.map(|hash| hash.to_string()).map_err(|error| PasswordError::Hash(error.to_string()))
}

/// Whether `password` is the one that `hash` was made of. As slow as [`hash`], whatever the answer.
#[must_use]
pub fn verify(password: &str, hash: &str) -> bool {
    PasswordHash::new(hash)
        .is_ok_and(|parsed| Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok())
}

/// Argon2 behind the engine's port.
pub struct Argon2Check;

#[async_trait]
impl SecretCheck for Argon2Check {
    async fn matches(&self, secret: String, hash: String) -> bool {
        // A task that was cut off has not found the secret right.
        tokio::task::spawn_blocking(move || verify(&secret, &hash)).await.unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_recognized_and_no_two_hashes_are_the_same() {
        let (one, two) = (hash("demo-gateway").unwrap(), hash("demo-gateway").unwrap());
        assert!(one.starts_with("$argon2id$"));
        assert_ne!(one, two);
        assert!(verify("demo-gateway", &one) && verify("demo-gateway", &two));
        assert!(!verify("demo-gatewaX", &one) && !verify("", &one) && !verify("demo-gateway", "damaged"));
    }

    #[test]
    fn bad_passwords_are_refused() {
        assert_eq!(hash("short"), Err(PasswordError::Length));
        assert_eq!(hash(&"x".repeat(257)), Err(PasswordError::Length));
        assert_eq!(hash("two\nlines"), Err(PasswordError::Control));
    }
}
