//! Snapshots of slot images.
//!
//! An image is cut into chunks of [`CHUNK`] bytes, each named by its BLAKE3 hash. A chunk that any snapshot of the store has is
//! not stored again, one of zeros costs nothing, and new ones are compressed into one *pack* file for each snapshot. A *manifest*
//! names the chunks of a snapshot in their order; its root hash covers all of it. See the crate's README for the format and for
//! what is on the disk when.
//!
//! Everything here blocks; callers bring the threads.

mod create;
mod error;
mod manifest;
mod pack;
mod read;
mod retain;
mod store;

pub use create::{Image, NewSnapshot};
pub use error::Error;
pub use store::{Limits, Store, Summary};

/// Bytes of a chunk. Slots are changed in place, so chunks of a fixed size find what stayed the same; this size keeps the
/// manifest at less than a thousandth of the image.
pub const CHUNK: usize = 64 << 10;

/// The caller's side of a long pass.
pub trait Progress: Sync {
    /// So many more bytes of the images are done.
    fn add(&self, bytes: u64);

    /// The pass is to end at the next safe point, with [`Error::Cancelled`].
    fn cancelled(&self) -> bool;
}
