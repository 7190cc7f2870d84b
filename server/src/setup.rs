//! First-run set-up: who reads the console of a gateway that nobody can log in to yet becomes its first administrator.

use crate::account::check_name;
use crate::password::{self, PasswordError};
use jiff::Timestamp;
use ota_core::{AuditEntry, PinKind, Role, WeakPin, check_new_pin, wait_after_tries};
use ota_engine::ports::StoreError;
use ota_store::{Setup, SqliteStore, User};
use rustix::fs::OFlags;
use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

mod claim;

use claim::ClaimToken;

/// Longest time that the console may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// Nobody guesses a token, and nobody on the network may lock out who reads it.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Stands for the error output of the service.
const STANDARD_ERROR: &str = "-";

/// Set-up of this gateway, as long as it is open.
pub struct FirstRun {
    store: SqliteStore,
    console: Option<PathBuf>,
    gate: Mutex<Gate>,
}

/// Who may come in.
#[derive(Default)]
struct Gate {
    /// None before one was printed.
    token: Option<ClaimToken>,
    tries: u32,
    closed_until: Option<Instant>,
}

/// What the first administrator brings.
pub struct Claim {
    pub token: String,
    pub username: String,
    pub password: String,
    pub override_pin: String,
    pub factory_pin: String,
}

/// Secrets stay out of logs.
impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim").field("username", &self.username).finish_non_exhaustive()
    }
}

/// Why the gateway was not set up.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    #[error("This gateway is set up already.")]
    Closed,
    #[error("The claim token is wrong. The console of the gateway shows it.")]
    Wrong,
    #[error("Too many wrong claim tokens. Try again in {} s.", .0.as_secs().max(1))]
    TooMany(Duration),
    /// What is wrong with a name, a password or a PIN, as a sentence.
    #[error("{0}")]
    Unacceptable(String),
    #[error("The gateway could not be set up.")]
    Internal(String),
}

impl From<StoreError> for ClaimError {
    fn from(error: StoreError) -> Self {
        Self::Internal(error.to_string())
    }
}

impl FirstRun {
    #[must_use]
    pub fn new(store: SqliteStore, console: Option<PathBuf>) -> Self {
        Self { store, console, gate: Mutex::default() }
    }

    /// # Errors
    /// When the database cannot be read.
    pub async fn is_open(&self) -> Result<bool, StoreError> {
        self.store.setup_is_open().await
    }

    /// Where set-up is open, makes a claim token and prints it on the console. It is kept nowhere: the next start makes another.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn invite(&self, address: SocketAddr) -> Result<(), StoreError> {
        let Some(console) = &self.console else { return Ok(()) };
        if !self.is_open().await? {
            return Ok(());
        }
        let token = ClaimToken::random();
        let text = invitation(&token, address);
        self.gate.lock().await.token = Some(token);
        let place = console.clone();
        let printed = tokio::task::spawn_blocking(move || print(&place, &text));
        // A console that takes nothing must not hold up the service.
        let printed = tokio::time::timeout(PATIENCE, printed).await;
        let printed = printed.map_err(io::Error::other).and_then(|done| done.map_err(io::Error::other)?);
        match printed {
            Ok(()) => {
                tracing::warn!(console = %console.display(), "first-run set-up is open; the console shows the claim token");
            }
            Err(error) => tracing::error!(
                %error, console = %console.display(),
                "the claim token cannot be printed; `gateway-ota user add` adds the first user instead"
            ),
        }
        Ok(())
    }

    /// Makes the first administrator, sets both PINs and closes set-up, all of it or nothing. `entry` is the record of it.
    ///
    /// # Errors
    /// [`ClaimError`].
    pub async fn claim(&self, claim: &Claim, entry: &AuditEntry) -> Result<(), ClaimError> {
        if !self.is_open().await? {
            return Err(ClaimError::Closed);
        }
        // One at a time: wrong tries queue up.
        let mut gate = self.gate.lock().await;
        gate.let_in(&claim.token, Instant::now())?;
        check_name(&claim.username).map_err(unacceptable)?;
        check_pin(PinKind::Override, &claim.override_pin)?;
        check_pin(PinKind::Factory, &claim.factory_pin)?;
        if claim.override_pin == claim.factory_pin {
            return Err(ClaimError::Unacceptable("The two PINs must be different.".to_owned()));
        }
        let hashes = hash(claim).await?;
        let admin = User {
            name: claim.username.clone(),
            role: Role::Admin,
            password_hash: hashes.password,
            created_at: Timestamp::now(),
        };
        let setup = Setup {
            admin: &admin,
            override_pin_hash: &hashes.override_pin,
            factory_pin_hash: &hashes.factory_pin,
        };
        if !self.store.set_up(&setup, admin.created_at, entry).await? {
            return Err(ClaimError::Closed);
        }
        gate.token = None;
        Ok(())
    }
}

impl Gate {
    /// A try is counted before it is compared.
    fn let_in(&mut self, token: &str, now: Instant) -> Result<(), ClaimError> {
        if let Some(left) = self.closed_until.and_then(|until| until.checked_duration_since(now)) {
            return Err(ClaimError::TooMany(left));
        }
        self.tries = self.tries.saturating_add(1);
        if self.token.as_ref().is_some_and(|right| right.is(token)) {
            self.tries = 0;
            return Ok(());
        }
        let wait = wait_after_tries(self.tries).map(|wait| wait.min(LONGEST_WAIT));
        self.closed_until = wait.and_then(|wait| now.checked_add(wait));
        Err(ClaimError::Wrong)
    }
}

struct Hashes {
    password: String,
    override_pin: String,
    factory_pin: String,
}

async fn hash(claim: &Claim) -> Result<Hashes, ClaimError> {
    let secrets = [&claim.password, &claim.override_pin, &claim.factory_pin].map(String::clone);
    let work = move || {
        let [password, override_pin, factory_pin] = secrets;
        Ok(Hashes {
            password: password::hash(&password)?,
            override_pin: password::hash_pin(&override_pin)?,
            factory_pin: password::hash_pin(&factory_pin)?,
        })
    };
    let hashed = tokio::task::spawn_blocking(work).await;
    hashed.map_err(|error| ClaimError::Internal(error.to_string()))?.map_err(|error| match error {
        PasswordError::Hash(cause) => ClaimError::Internal(cause),
        error => unacceptable(error),
    })
}

fn check_pin(kind: PinKind, pin: &str) -> Result<(), ClaimError> {
    check_new_pin(pin).map_err(|weak: WeakPin| ClaimError::Unacceptable(format!("The {kind} PIN: {weak}.")))
}

fn unacceptable(error: impl fmt::Display) -> ClaimError {
    let text = error.to_string();
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    ClaimError::Unacceptable(format!("{first}{}.", letters.as_str()))
}

fn invitation(token: &ClaimToken, address: SocketAddr) -> String {
    format!(
        "\nThis gateway is not set up. Open /setup on {address} in a browser and enter this claim token:\n\n    {}\n\n",
        token.reveal()
    )
}

fn print(console: &Path, text: &str) -> io::Result<()> {
    if console == Path::new(STANDARD_ERROR) {
        return io::stderr().write_all(text.as_bytes());
    }
    // A serial line may stall, and must not become the terminal that ends the service.
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let flags = i32::try_from(flags.bits()).map_err(io::Error::other)?;
    OpenOptions::new().append(true).custom_flags(flags).open(console)?.write_all(text.as_bytes())
}
