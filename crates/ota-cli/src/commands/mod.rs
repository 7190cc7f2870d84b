//! One file for what belongs together.

mod install;
mod logs;
mod recovery;
mod safety;
mod session;
mod settings;
mod status;
mod updates;

pub(crate) use install::{Order, install, strategy};
pub(crate) use logs::{Lines, logs};
pub(crate) use recovery::{cancel, reboot, rollback};
pub(crate) use safety::safety;
pub use session::login;
pub(crate) use settings::settings;
pub use status::status;
pub(crate) use updates::{check, updates};
