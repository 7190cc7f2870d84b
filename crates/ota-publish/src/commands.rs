//! What the commands do.

use crate::arguments::{
    BundleArguments, Command, Compression, DemoArguments, KeysArguments, Place, Purpose, ReleaseArguments,
    Role,
};
use ota_publish::announcement::Announcement;
use ota_publish::bundle;
use ota_publish::demo::{Demo, DemoOptions};
use ota_publish::keys::{self, KeySpec, Keys};
use ota_publish::manifest_file::ManifestFile;
use ota_publish::release;
use ota_publish::repository::{Expiry, Repository, RoleType};
use ota_publish::serve::{self, Server};
use raucb::{BundleSpec, ImageSource};
use std::error::Error;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use tokio::signal::unix::{SignalKind, signal};

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

pub async fn run(command: Command) -> Outcome {
    match command {
        Command::Keys(arguments) => make_keys(arguments),
        Command::Bundle(arguments) => make_bundle(&arguments),
        Command::Init(place) => init(&place).await,
        Command::Release(arguments) => publish(arguments).await,
        Command::List(place) => list(&place).await,
        Command::Withdraw { place, name } => Ok(open(&place)?.remove(&name, &Expiry::usual()).await?),
        Command::Refresh(place) => Ok(open(&place)?.refresh(&Expiry::usual()).await?),
        Command::Rotate { place, role } => {
            Ok(open(&place)?.rotate(role_type(role), &Expiry::usual()).await?)
        }
        Command::Serve { repository, listen } => serve(&repository, listen).await,
        Command::Demo(arguments) => demo(arguments).await,
    }
}

fn make_keys(arguments: KeysArguments) -> Outcome {
    let purpose = match arguments.purpose {
        Purpose::SmimeSign => keys::Purpose::SmimeSign,
        Purpose::CodeSign => keys::Purpose::CodeSign,
    };
    let (ca_days, signer_days) = (arguments.ca_days, arguments.signer_days);
    let spec = KeySpec { common_name: arguments.name, purpose, ca_days, signer_days };
    let keys = Keys::create_with(arguments.out, &spec)?;
    say(&format!("keys in {}; gateways get {}", keys.directory().display(), keys.keyring().display()))
}

fn make_bundle(arguments: &BundleArguments) -> Outcome {
    let keys = Keys::open(&arguments.keys)?;
    let spec = bundle_spec(&arguments.manifest, arguments.compression)?;
    let manifest = bundle::make(&spec, &keys, &arguments.out)?;
    say(&format!("{}: {} {}", arguments.out.display(), manifest.compatible, manifest.version))
}

fn bundle_spec(path: &Path, compression: Compression) -> Outcome<BundleSpec> {
    let text =
        std::fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let file = ManifestFile::parse(&text).map_err(|error| format!("{}: {error}", path.display()))?;
    let missing = |key: &str| format!("{}: [update] has no {key}", path.display());
    let directory = path.parent().unwrap_or(Path::new(""));
    let image = |(slot_class, image): (String, PathBuf)| ImageSource {
        slot_class,
        filename: image.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        path: directory.join(image),
    };
    Ok(BundleSpec {
        compatible: file.compatible.ok_or_else(|| missing("compatible"))?,
        version: file.version.ok_or_else(|| missing("version"))?,
        description: file.description,
        build: file.build,
        images: file.images.into_iter().map(image).collect(),
        compression: match compression {
            Compression::Zstd => raucb::Compression::Zstd { level: 12 },
            Compression::Gzip => raucb::Compression::Gzip,
            Compression::Xz => raucb::Compression::Xz,
        },
        meta: file.meta,
    })
}

async fn init(place: &Place) -> Outcome {
    let repository = Repository::init(&place.repository, &Keys::open(&place.keys)?, &Expiry::usual()).await?;
    say(&format!(
        "repository in {}; gateways get {}",
        repository.directory().display(),
        repository.root_json().display()
    ))
}

async fn publish(arguments: ReleaseArguments) -> Outcome {
    let repository = open(&arguments.place)?;
    let file_name = arguments.bundle.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let name = arguments.name.unwrap_or(file_name);
    let manifest = bundle::verify(&arguments.bundle, &repository.keys().keyring())?;
    let kernel = manifest.meta_value("gateway-ota", "kernel");
    let announcement = Announcement {
        id: arguments.id,
        kind: arguments.kind,
        severity: arguments.severity,
        released: arguments.released.unwrap_or_else(today),
        description: arguments.description,
        changelog: arguments.changelog,
        kernel: kernel.ok_or("the bundle's manifest has no [meta.gateway-ota] kernel")?.to_owned(),
        version: manifest.version,
        compatible: vec![manifest.compatible],
        waves: arguments.waves,
        more: serde_json::Map::new(),
    };
    let published =
        release::add(&repository, &arguments.bundle, &name, announcement, &Expiry::usual()).await?.target;
    say(&format!("{} {} {}", published.name, published.length, published.sha256))
}

async fn list(place: &Place) -> Outcome {
    for target in open(place)?.targets().await? {
        let text =
            |key: &str| target.custom.get(key).and_then(serde_json::Value::as_str).unwrap_or("-").to_owned();
        say(&format!(
            "{}\t{}\t{}\t{}\t{}",
            target.name,
            text("id"),
            text("version"),
            target.length,
            target.sha256
        ))?;
    }
    Ok(())
}

async fn serve(repository: &Path, listen: SocketAddr) -> Outcome {
    if !repository.join("metadata").is_dir() {
        return Err(format!("there is no repository in {}", repository.display()).into());
    }
    let server = Server::spawn(serve::listen(listen).await?, serve::files(repository));
    say(&format!("repository on {}", server.url("/")))?;
    ended().await?;
    server.stop().await;
    Ok(())
}

async fn demo(arguments: DemoArguments) -> Outcome {
    let mut options = DemoOptions::new(arguments.data_dir, arguments.listen, arguments.gateway);
    options.image_size = arguments.image_mib << 20;
    let ended = ended();
    tokio::pin!(ended);
    let demo = tokio::select! {
        started = Demo::start(&options) => started?,
        asked = &mut ended => return asked,
    };
    say(&format!("plant and repository on {}", demo.url("/")))?;
    ended.await?;
    demo.stop().await;
    Ok(())
}

fn open(place: &Place) -> Outcome<Repository> {
    Ok(Repository::open(&place.repository, &Keys::open(&place.keys)?)?)
}

fn role_type(role: Role) -> RoleType {
    match role {
        Role::Root => RoleType::Root,
        Role::Targets => RoleType::Targets,
        Role::Snapshot => RoleType::Snapshot,
        Role::Timestamp => RoleType::Timestamp,
    }
}

fn today() -> jiff::civil::Date {
    jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date()
}

/// Waits for SIGTERM or Ctrl-C.
async fn ended() -> Outcome {
    let (mut terminated, mut interrupted) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminated.recv() => {}
        _ = interrupted.recv() => {}
    }
    Ok(())
}

/// A reader that went away, as `head` does, is no error.
fn say(line: &str) -> Outcome {
    let mut out = io::stdout().lock();
    match writeln!(out, "{line}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
