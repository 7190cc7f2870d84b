//! The page and the REST routes of Gateway OTA, shared by server and browser.

// Sections nest views deeply, and each level is a type.
#![recursion_limit = "256"]

pub mod api;
pub mod json;
pub mod live;
pub mod page;
pub mod rules;
pub mod sections;
pub mod strings;
pub mod ui;

#[cfg(feature = "hydrate")]
pub use page::hydrate;
#[cfg(feature = "ssr")]
pub use page::{Assets, Document, LoginDocument, SetupDocument, render_login, render_page, render_setup};
