//! Snapshots of disk images: deduplicated, compressed, verified, safe from power cuts.
//!
//! An image is cut into chunks of a fixed length, since disks are changed in place. A chunk is known by its
//! BLAKE3 hash and stored once, whatever snapshots hold it; zeros are not stored at all. [`Store::create`]
//! reads images, [`Store::read_image`] gives one back and delivers no byte that was not checked. Memory does
//! not grow with the bytes of the images; an index of about 100 bytes a chunk is held while one is made. The
//! README has the format and the order of syncs.
//!
//! ```no_run
//! use std::io::Write;
//!
//! use snapstore::{ImageSource, Options, Request, Store};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = Store::open("/data/snapshots", Options::default())?;
//! let rootfs = ImageSource { name: "rootfs".to_owned(), path: "/dev/mmcblk0p2".into(), length: 512 << 20 };
//! store.create(&Request { id: "before-5-2".to_owned(), images: vec![rootfs], ..Request::default() }, &())?;
//!
//! let mut slot = std::fs::File::options().write(true).open("/dev/mmcblk0p3")?;
//! store.read_image("before-5-2", "rootfs", &|| false, |bytes| slot.write_all(bytes))?;
//! slot.sync_all()?;
//! # Ok(())
//! # }
//! ```

mod chunk;
mod collect;
mod create;
mod encode;
mod error;
mod files;
mod manifest;
mod pack;
mod progress;
mod read;
mod request;
mod store;
mod summary;
mod wire;

pub use error::{Damage, Error};
pub use progress::Progress;
pub use request::{ImageSource, MAX_IMAGES, MAX_METADATA, MAX_NAME, Options, Request};
pub use store::{Retained, Retention, Store};
pub use summary::{Entry, Summary};

/// Keeps the example of the README compiling.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
