//! The publisher's side of Gateway OTA: keys, images, bundles, a TUF repository, a server for it, and the plant of the demo.
//!
//! ```no_run
//! use ota_publish::keys::Keys;
//! use ota_publish::release::Release;
//! use ota_publish::repository::{Expiry, Repository};
//! use ota_publish::serve::Server;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let keys = Keys::create("keys")?;
//! let repository = Repository::init("repository", &keys, &Expiry::usual()).await?;
//! Release::new("update-001", "v5.0.5").image_size(4 << 20).publish(&repository).await?;
//! let server = Server::start(repository.directory()).await?;
//! println!("{}", server.url("metadata/timestamp.json"));
//! server.stop().await;
//! # Ok(())
//! # }
//! ```

pub mod announcement;
mod atomic;
pub mod bundle;
pub mod demo;
pub mod faults;
pub mod image;
pub mod keys;
pub mod manifest_file;
pub mod plant;
pub mod release;
pub mod repository;
pub mod serve;
mod tool;
pub mod waves;
