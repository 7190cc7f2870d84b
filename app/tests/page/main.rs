//! The page: its document, and which button is offered when.

#![allow(clippy::unwrap_used)]

mod document;
mod heard;
mod rules;
mod sample;
