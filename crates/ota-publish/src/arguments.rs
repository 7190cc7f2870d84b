//! The command line.

use clap::{Args, Parser, Subcommand, ValueEnum};
use ota_publish::announcement::{Kind, Severity};
use ota_publish::waves::Wave;
use serde::de::DeserializeOwned;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Makes RAUC bundles, publishes them in a TUF repository and serves it.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a CA, a bundle signer and the TUF keys; keys that exist are kept.
    Keys(KeysArguments),
    /// Make a signed bundle from a manifest and the images that it names.
    Bundle(BundleArguments),
    /// Make an empty repository.
    Init(Place),
    /// Verify a bundle and publish it.
    Release(ReleaseArguments),
    /// Show what is published.
    List(Place),
    /// Take a release back: off the list, and its file away.
    Withdraw {
        #[command(flatten)]
        place: Place,
        /// Name of the target, as `list` shows it.
        name: String,
    },
    /// Sign the metadata anew, so that it does not expire.
    Refresh(Place),
    /// Replace the key of a role by a new one.
    Rotate {
        #[command(flatten)]
        place: Place,
        #[arg(long, value_enum)]
        role: Role,
    },
    /// Serve a repository over HTTP, with byte ranges, until SIGTERM or Ctrl-C.
    Serve {
        /// Directory of the repository.
        #[arg(long)]
        repository: PathBuf,
        /// Address and port; port 0 takes a free one.
        #[arg(long, default_value = "127.0.0.1:3100")]
        listen: SocketAddr,
    },
    /// Prepare and serve the demo: a repository with updates, and a simulated plant.
    Demo(DemoArguments),
}

#[derive(Debug, Args)]
pub struct KeysArguments {
    /// Directory for the keys; it is created, for its owner only.
    #[arg(long)]
    pub out: PathBuf,
    /// Common name of the CA.
    #[arg(long, default_value = "Gateway OTA publisher")]
    pub name: String,
    /// What the signer's certificate is issued for.
    #[arg(long, value_enum, default_value_t = Purpose::SmimeSign)]
    pub purpose: Purpose,
    /// Validity of the CA certificate.
    #[arg(long, default_value_t = 3650)]
    pub ca_days: u32,
    /// Validity of the signer's certificate.
    #[arg(long, default_value_t = 730, value_parser = clap::value_parser!(i32).range(1..))]
    pub signer_days: i32,
}

#[derive(Debug, Args)]
pub struct BundleArguments {
    /// Directory of the keys.
    #[arg(long)]
    pub keys: PathBuf,
    /// The manifest, as for `rauc bundle`; image files are sought beside it.
    #[arg(long)]
    pub manifest: PathBuf,
    /// The bundle.
    #[arg(long)]
    pub out: PathBuf,
    #[arg(long, value_enum, default_value_t = Compression::Zstd)]
    pub compression: Compression,
}

/// A repository and its keys.
#[derive(Debug, Args)]
pub struct Place {
    /// Directory of the repository.
    #[arg(long)]
    pub repository: PathBuf,
    /// Directory of the keys.
    #[arg(long)]
    pub keys: PathBuf,
}

/// Version, model and kernel are the bundle's own.
#[derive(Debug, Args)]
pub struct ReleaseArguments {
    #[command(flatten)]
    pub place: Place,
    /// The bundle; `[meta.gateway-ota] kernel` must stand in its manifest.
    #[arg(long)]
    pub bundle: PathBuf,
    /// Name of the target; without it the bundle's file name.
    #[arg(long)]
    pub name: Option<String>,
    /// Names the update to clients; must be new.
    #[arg(long)]
    pub id: String,
    /// security, feature, bugfix or maintenance.
    #[arg(long = "type", value_parser = word::<Kind>)]
    pub kind: Kind,
    /// critical, high, medium or low.
    #[arg(long, value_parser = word::<Severity>)]
    pub severity: Severity,
    /// Day of the release, YYYY-MM-DD; without it today in UTC.
    #[arg(long)]
    pub released: Option<jiff::civil::Date>,
    /// What the update is, in a sentence or a few.
    #[arg(long)]
    pub description: String,
    /// One change; give it again for each.
    #[arg(long = "change")]
    pub changelog: Vec<String>,
    /// From START on the release is for the first PERCENT of all gateways, for example canaries=5@2026-03-15T06:00:00Z; give it again
    /// for each wave, the smallest and earliest first. Without it the release is for every gateway at once.
    #[arg(long = "wave", value_name = "[NAME=]PERCENT@START")]
    pub waves: Vec<Wave>,
}

#[derive(Debug, Args)]
pub struct DemoArguments {
    /// Where everything is kept; created when missing.
    #[arg(long)]
    pub data_dir: PathBuf,
    /// Where plant and repository are served; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:3100")]
    pub listen: SocketAddr,
    /// Where the gateway is to listen.
    #[arg(long, default_value = "127.0.0.1:3000")]
    pub gateway: SocketAddr,
    /// Size of slots and images in MiB.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..=65536))]
    pub image_mib: u64,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Purpose {
    SmimeSign,
    CodeSign,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Compression {
    Zstd,
    Gzip,
    Xz,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Role {
    Root,
    Targets,
    Snapshot,
    Timestamp,
}

/// A word that stands for a value in the repository's documents too.
fn word<T: DeserializeOwned>(text: &str) -> Result<T, serde_json::Error> {
    serde_json::from_value(serde_json::Value::from(text))
}
