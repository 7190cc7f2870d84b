//! The U-Boot boot loader's environment, read and changed from Linux.
//!
//! The environment is a small list of `name=value` variables that U-Boot and the running system share: which slot boots
//! next, how many tries are left. It lives on a block device or in a file, in one copy or in two. This crate reads the
//! newest valid copy and changes any number of variables in **one** commit, so that U-Boot sees all of them or none.
//!
//! ```no_run
//! use std::path::Path;
//! use uboot_env::{Config, InvalidVariable, Store};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = Store::open(Config::load(Path::new("/etc/fw_env.config"))?);
//! let order = store.read()?.get("BOOT_ORDER").map(str::to_owned);
//! store.update(|env| {
//!     env.set("BOOT_ORDER", "B A")?;
//!     env.set("BOOT_B_LEFT", "3")?;
//!     Ok::<_, InvalidVariable>(())
//! })?;
//! # drop(order);
//! # Ok(())
//! # }
//! ```
//!
//! # Format
//!
//! | bytes | single copy | two copies (redundant) |
//! |---|---|---|
//! | 0–3 | CRC-32 (IEEE) of the data area, little-endian | the same |
//! | 4 | first byte of the data area | flag, see [`FlagScheme`]; the CRC does not cover it |
//! | rest | data area | data area |
//!
//! The data area is a sequence of `name=value` entries, each ended by a NUL byte; an empty entry ends the list, padding
//! fills the rest. Names and values are bytes, not text: see [`Environment`].
//!
//! # What survives a power cut
//!
//! With two copies a commit writes only the copy that is *not* in use, makes it durable and reads it back. The copy in
//! use stays as it is, so at every instant at least one copy is valid, and it holds the state from before or after the
//! whole commit. **A single copy is overwritten in place, which is not atomic**: a power cut in the middle of the write
//! leaves no valid copy, and U-Boot then starts from its built-in defaults. Use two copies wherever a device must boot.
//!
//! # Who else writes
//!
//! All operations hold the lock file of `fw_printenv` and `fw_setenv` ([`DEFAULT_LOCK_FILE`], `flock`, exclusive for
//! readers too, as those tools do), so changes of both never get lost. U-Boot itself does not run at the same time.
//!
//! Raw NOR or NAND (`/dev/mtd*`) and UBI volumes (character devices) are refused: they need erase commands. NOR behind
//! `/dev/mtdblock*` works.

mod commit;
mod config;
mod copies;
mod device;
mod environment;
mod error;
mod image;
mod lock;
mod scheme;
mod store;
mod transaction;
mod write_protection;

#[cfg(test)]
mod power_cut_tests;

pub use config::{Config, ConfigError, DEFAULT_LOCK_FILE, Field, Location};
pub use environment::{Environment, InvalidVariable};
pub use error::{Error, UpdateError};
pub use scheme::FlagScheme;
pub use store::{CopyStatus, Store};
pub use transaction::Transaction;

/// Keeps the example of the README compiling.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
