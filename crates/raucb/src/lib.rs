//! RAUC `verity` bundles: read, verify, stream images out, write.
//!
//! A bundle is one file:
//!
//! | part | size |
//! |---|---|
//! | squashfs with the images | a multiple of 4096 bytes |
//! | dm-verity hash tree over it | `verity-size` of the manifest |
//! | CMS signed-data in DER whose content is the manifest | at most 64 KiB |
//! | length of the CMS, 64 bits, big-endian | 8 bytes |
//!
//! [`Bundle::open`] authenticates the manifest, [`Bundle::verify`] everything else, and only the
//! [`VerifiedBundle`] that it returns gives images out. Nothing needs root, a mount or the kernel's dm-verity, and
//! memory does not grow with the images.
//!
//! ```no_run
//! use std::io::Write;
//!
//! use raucb::{Bundle, Keyring, Policy};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut policy = Policy::new(Keyring::from_pem(&std::fs::read("/etc/rauc/keyring.pem")?)?);
//! policy.compatible = Some("Univa-GW-Pro".to_owned());
//! let bundle = Bundle::open("update.raucb", &policy)?.verify(&())?;
//! let mut slot = std::fs::File::options().write(true).open("/dev/disk/by-partlabel/rootfs-b")?;
//! bundle.stream_image("rootfs", &(), |bytes| slot.write_all(bytes))?;
//! slot.sync_all()?;
//! # Ok(())
//! # }
//! ```

mod bundle;
mod container;
mod error;
mod image;
mod keyfile;
mod manifest;
mod payload;
mod pipeline;
mod progress;
mod source;
mod squashfs;
mod trust;
mod verify;
mod verity;
mod writer;

pub use bundle::{Bundle, VerifiedBundle};
pub use error::{Error, ErrorKind, Malformed, ManifestError, SpecError, Untrusted};
pub use image::ImageReader;
pub use manifest::{BundleFormat, Image, Manifest, Verity};
pub use progress::Progress;
pub use trust::{Keyring, Policy, Purpose, Signer};
pub use writer::{BundleSpec, Compression, ImageSource, SigningKey, write_bundle};

/// Keeps the example of the README compiling.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
