//! What a data directory holds before a gateway is provisioned in it. Everything appears whole or not at all, and what is
//! there is left as it is.

use super::field::Field;
use super::{DemoError, Layout, components, config, releases};
use crate::atomic::{self, WriteError};
use crate::keys::Keys;
use crate::release::{self, Release, ReleaseError};
use crate::repository::{Expiry, Repository};
use std::fs::{self, File};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use tokio::task::JoinSet;

/// Work in progress. What an interrupted run left here is thrown away.
const UNFINISHED: &str = ".preparing";

/// Makes the factory's bundles, each by itself, and the repository with all its releases or not at all; the bundles all at
/// once, as far as there are processors.
pub(super) async fn releases(layout: &Layout, keys: &Keys, size: u64) -> Result<Repository, DemoError> {
    let work = layout.at(UNFINISHED);
    remove(&work)?;
    atomic::directory(&work, 0o755)?;
    let factory = layout.at("factory");
    atomic::directory(&factory, 0o755)?;
    let missing =
        releases::factory().into_iter().filter(|release| !factory_bundle(&factory, release).exists());
    let place = layout.at("repository");
    let (made, repository) = if place.exists() {
        let made = bundles(missing, keys, size, &work).await?;
        let repository = Repository::open(&place, keys)?;
        repository.refresh(&Expiry::usual()).await?;
        (made, repository)
    } else {
        let made = bundles(missing.chain(releases::offered()), keys, size, &work).await?;
        (made, repository(&place, keys, &work).await?)
    };
    for release in releases::factory() {
        let bundle = work.join(release.file_name());
        if bundle.exists() {
            atomic::publish(&bundle, &factory_bundle(&factory, &release))?;
        }
    }
    remove(&work)?;
    tracing::info!(bundles_made = made, "the demo's releases are there");
    Ok(repository)
}

/// A slot is as large as its partition, so the file in its place has its size before anything is written into it.
pub(super) fn slots(layout: &Layout, size: u64) -> Result<(), DemoError> {
    for name in ["A", "B", "R"] {
        let path = layout.slot(name);
        let failed = |source| DemoError::Directory { path: path.clone(), source };
        atomic::directory(atomic::parent_of(&path), 0o755)?;
        empty_place(&path, size).map_err(failed)??;
    }
    for (name, place) in components::COMPONENTS.iter().flat_map(|name| [(name, "a"), (name, "b")]) {
        let path = components::place(layout, name, place);
        let failed = |source| DemoError::Directory { path: path.clone(), source };
        atomic::directory(atomic::parent_of(&path), 0o755)?;
        empty_place(&path, components::PLACE).map_err(failed)??;
    }
    Ok(())
}

fn empty_place(path: &Path, size: u64) -> io::Result<Result<(), WriteError>> {
    if path.exists() {
        return Ok(Ok(()));
    }
    let empty = path.with_extension("new");
    File::create(&empty)?.set_len(size)?;
    Ok(atomic::publish(&empty, path).map(drop))
}

/// Trust that was given to a gateway is never replaced; what names addresses and places always is.
pub(super) fn files(
    layout: &Layout,
    repository: &Repository,
    field: &Field,
    here: SocketAddr,
    gateway: SocketAddr,
) -> Result<(), DemoError> {
    for name in ["trust", "bin", "run"] {
        atomic::directory(&layout.at(name), 0o755)?;
    }
    let trust =
        [("trust/keyring.pem", repository.keys().keyring()), ("trust/root.json", repository.root_json())];
    for (name, source) in trust {
        let content =
            fs::read(&source).map_err(|error| DemoError::Directory { path: source, source: error })?;
        atomic::create(&layout.at(name), &content, 0o644)?;
    }
    for (name, text, mode) in [
        ("bin/health-check", config::HEALTH_CHECK.to_owned(), 0o755),
        ("bin/activate-component", components::ACTIVATE.to_owned(), 0o755),
        ("bin/check-component", components::CHECK.to_owned(), 0o755),
        ("fw_env.config", config::fw_env(layout), 0o644),
        ("config.toml", config::gateway(layout, field, here, gateway)?, 0o644),
    ] {
        atomic::replace(&layout.at(name), text.as_bytes(), mode)?;
    }
    Ok(())
}

fn factory_bundle(directory: &Path, release: &Release) -> PathBuf {
    directory.join(format!("{}.raucb", release.announcement().version))
}

async fn bundles(
    releases: impl Iterator<Item = Release>,
    keys: &Keys,
    size: u64,
    work: &Path,
) -> Result<usize, DemoError> {
    let mut running = JoinSet::new();
    for release in releases {
        let (release, keys) = (release.image_size(size), keys.clone());
        let path = work.join(release.file_name());
        running.spawn_blocking(move || release.write_bundle(&keys, &path));
    }
    let mut made = 0;
    while let Some(done) = running.join_next().await {
        done.unwrap_or(Err(ReleaseError::Interrupted))?;
        made += 1;
    }
    Ok(made)
}

async fn repository(place: &Path, keys: &Keys, work: &Path) -> Result<Repository, DemoError> {
    let unfinished = work.join("repository");
    let repository = Repository::init(&unfinished, keys, &Expiry::usual()).await?;
    for release in releases::offered() {
        let (name, announcement) = (release.file_name(), release.announcement().clone());
        let (id, version) = (announcement.id.clone(), announcement.version.clone());
        let published =
            release::add(&repository, &work.join(&name), &name, announcement, &Expiry::usual()).await?;
        tracing::info!(id, version, bytes = published.target.length, "published");
    }
    atomic::publish(&unfinished, place)?;
    Ok(Repository::open(place, keys)?)
}

fn remove(directory: &Path) -> Result<(), DemoError> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(DemoError::Directory { path: directory.to_owned(), source: error })
        }
        _ => Ok(()),
    }
}
