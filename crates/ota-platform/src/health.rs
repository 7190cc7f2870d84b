//! Questions that tell whether a freshly started system works.

mod executable;
mod http;
pub(crate) mod program;
mod systemd;
mod tcp;

pub use executable::{ExecutableCheck, ExecutableCheckConfig};
pub use http::{HttpCheck, HttpCheckConfig};
pub use systemd::{SystemdCheck, SystemdCheckConfig};
pub use tcp::{TcpCheck, TcpCheckConfig};
