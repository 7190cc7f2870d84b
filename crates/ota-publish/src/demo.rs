//! The demo's far side: a repository with signed updates, the factory's bundles, the plant, and what carries its signals.
//!
//! Everything is real but the hardware. A second start with the same directory finds keys, bundles and repository as they
//! were left; only the expiry of the metadata and the addresses are brought up to date.

mod components;
mod config;
mod field;
mod prepare;
mod releases;

pub use components::{COMPONENTS, component_image};

use crate::atomic::{self, WriteError};
use crate::image::DEFAULT_SIZE;
use crate::keys::{Keys, KeysError};
use crate::plant::{self, Plant, PlantError};
use crate::release::ReleaseError;
use crate::repository::{Expiry, Repository, RepositoryError};
use crate::serve::{self, ServeError, Server};
use field::Field;
use std::fs::{File, TryLockError};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::task::JoinHandle;

/// A demo that runs for weeks signs its metadata anew in time.
const REFRESH: Duration = Duration::from_secs(6 * 3600);

/// What the demo is to be.
#[derive(Debug, Clone)]
pub struct DemoOptions {
    /// Where everything is kept; created where it is missing.
    pub data_dir: PathBuf,
    /// Where repository and plant are served; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where the gateway is to listen.
    pub gateway: SocketAddr,
    /// Size of the slots and of the images for them, bytes. Slots that exist keep theirs.
    pub image_size: u64,
    /// Directories in which mosquitto and NUT are looked for. The plant's signals are carried by what is found.
    pub programs: Vec<PathBuf>,
}

impl DemoOptions {
    /// The demo with images of the usual size.
    #[must_use]
    pub fn new(data_dir: impl Into<PathBuf>, listen: SocketAddr, gateway: SocketAddr) -> Self {
        let programs = field::usual_directories();
        Self { data_dir: data_dir.into(), listen, gateway, image_size: DEFAULT_SIZE, programs }
    }
}

/// The demo could not be prepared or started.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// An address that others could reach; the demo has known passwords and an open plant.
    #[error("{address} is not a loopback address; the demo is for this machine only")]
    NotLoopback { address: SocketAddr },
    /// The directory's name cannot stand in the files that name it.
    #[error("the name of the data directory must be text without white space: {}", path.display())]
    DirectoryName { path: PathBuf },
    /// The directory cannot be made or used.
    #[error("cannot use the data directory {}", path.display())]
    Directory { path: PathBuf, source: io::Error },
    /// The same directory twice.
    #[error("another demo runs with the data directory {}", path.display())]
    Busy { path: PathBuf },
    #[error("cannot write the demo's files")]
    Write(#[from] WriteError),
    #[error("cannot make the demo's keys")]
    Keys(#[from] KeysError),
    #[error("cannot make the demo's releases")]
    Release(#[from] ReleaseError),
    #[error("cannot keep the demo's repository")]
    Repository(#[from] RepositoryError),
    #[error("cannot start the plant")]
    Plant(#[from] PlantError),
    #[error("cannot start the demo's server")]
    Serve(#[from] ServeError),
    /// The configuration cannot be expressed.
    #[error("cannot write the gateway's configuration")]
    Config(#[from] toml::ser::Error),
}

/// A demo that serves.
#[derive(Debug)]
pub struct Demo {
    server: Server,
    field: Field,
    refresh: JoinHandle<()>,
    /// Held as long as the demo runs.
    _alone: File,
}

/// The places in the data directory.
#[derive(Debug, Clone)]
struct Layout {
    root: PathBuf,
}

impl Layout {
    fn at(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// The root image of a slot group: a file in the place of a partition.
    fn slot(&self, name: &str) -> PathBuf {
        self.root.join("slots").join(name).join("rootfs.img")
    }
}

impl Demo {
    /// Prepares the data directory and serves repository and plant. Takes seconds the first time.
    ///
    /// # Errors
    /// [`DemoError`] when an address, the directory, a tool or the disk does not allow it.
    pub async fn start(options: &DemoOptions) -> Result<Self, DemoError> {
        for address in [options.listen, options.gateway] {
            if !address.ip().is_loopback() {
                return Err(DemoError::NotLoopback { address });
            }
        }
        let layout = layout(&options.data_dir)?;
        let alone = lock(&layout)?;
        let listener = serve::listen(options.listen).await?;
        let here = listener
            .local_addr()
            .map_err(|source| DemoError::Directory { path: layout.root.clone(), source })?;
        let keys = Keys::create(layout.at("keys"))?;
        let plant = Plant::open(layout.at("plant.json"))?;
        let directory = layout.at("field");
        atomic::directory(&directory, 0o755)?;
        // Each takes its time and needs nothing of the other.
        let (field, repository) = tokio::join!(
            Field::start(&directory, &options.programs, &plant),
            prepare::releases(&layout, &keys, options.image_size)
        );
        let repository = repository?;
        prepare::slots(&layout, options.image_size)?;
        prepare::files(&layout, &repository, &field, here, options.gateway)?;
        let router = plant::router(plant).nest("/repository", serve::files(repository.directory()));
        let server = Server::spawn(listener, router);
        tracing::info!(
            plant = %server.url("/"),
            repository = %server.url("/repository/"),
            config = %layout.at("config.toml").display(),
            "the demo's plant and repository are served"
        );
        Ok(Self { server, field, refresh: tokio::spawn(refresh(repository)), _alone: alone })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// `http://address/` followed by `path`.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        self.server.url(path)
    }

    /// Ends it and its programs within a second; connections are closed.
    pub async fn stop(self) {
        self.refresh.abort();
        self.field.stop().await;
        self.server.stop().await;
    }
}

/// `fw_env.config` separates its columns by white space and has no way to quote a path.
fn layout(directory: &Path) -> Result<Layout, DemoError> {
    atomic::directory(directory, 0o755)?;
    let root = std::fs::canonicalize(directory)
        .map_err(|source| DemoError::Directory { path: directory.to_owned(), source })?;
    match root.to_str() {
        Some(name) if !name.contains(char::is_whitespace) && !name.contains('#') => Ok(Layout { root }),
        _ => Err(DemoError::DirectoryName { path: root }),
    }
}

fn lock(layout: &Layout) -> Result<File, DemoError> {
    let path = layout.at(".publish.lock");
    let failed = |source| DemoError::Directory { path: path.clone(), source };
    let file = File::create(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(DemoError::Busy { path: layout.root.clone() }),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

async fn refresh(repository: Repository) {
    loop {
        tokio::time::sleep(REFRESH).await;
        if let Err(error) = repository.refresh(&Expiry::usual()).await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the metadata could not be signed anew"
            );
        }
    }
}
