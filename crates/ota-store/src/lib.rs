//! SQLite behind the storage ports. The only crate that knows SQL.
//!
//! [`SqliteStore`] is the engine's [`Store`](ota_engine::ports::Store) and keeps accounts and sessions besides. Every
//! write is on the disk when its method returns: the write-ahead log is flushed at each commit (`synchronous=FULL`).
//!
//! One connection writes, a few others read; readers never wait for the writer. Other processes may use the database at
//! the same time ([`SqliteStore::open`]), but only one may serve from it ([`SqliteStore::open_for_service`]).
//!
//! A damaged row is an error that names the row, never a panic and never a default. A row of a newer release, with a name in it that
//! this one does not know, is passed over and stays: after a rollback the gateway starts.

mod accounts;
mod audit;
mod error;
mod job_rows;
mod kept_requests;
mod lock;
mod open;
mod pins;
mod reset;
mod row;
mod sessions;
mod settings;
mod setup;
mod store;

pub use accounts::{AccountError, User};
pub use kept_requests::{Fingerprint, KeptAnswer, KeptRequest};
pub use lock::ServiceLock;
pub use open::SqliteStore;
pub use sessions::{NewSession, Session, TokenHash};
pub use setup::Setup;
