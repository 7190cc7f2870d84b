//! Questions that tell whether a freshly started system works.

mod executable;
mod http;

pub use executable::{ExecutableCheck, ExecutableCheckConfig};
pub use http::{HttpCheck, HttpCheckConfig};
