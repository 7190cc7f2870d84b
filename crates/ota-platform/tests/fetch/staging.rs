//! What is on the disk: sources of another kind, room, and clearing out.

use crate::site::{Site, code, noise};
use ota_core::FailureCode;
use ota_engine::ports::{Fetcher, Meter, StepError};
use std::fs;
use std::path::Path;
use std::process::Command;
use tokio_util::sync::CancellationToken;
use url::Url;

#[tokio::test]
async fn a_repository_may_be_a_directory_and_have_plain_names() {
    let site = Site::new().await;
    let targets = site.directory.path().join("repository/targets");
    let plain = targets.join(&site.target.name);
    fs::rename(targets.join(format!("{}.{}", site.target.sha256, site.target.name)), &plain).unwrap();
    site.fetch_whole().await;
    assert_eq!(site.server.requests("targets"), 2);

    let staging = site.directory.path().join("from files");
    let fetcher = site.fetcher_to(&staging, Url::from_directory_path(&targets).unwrap().as_str());
    let path = fetcher.fetch(&site.target, &Meter::default(), &CancellationToken::new()).await.unwrap();
    assert!(fs::read(path).unwrap() == site.content);
    fs::remove_file(plain).unwrap();
    fs::remove_dir_all(staging).unwrap();
    let failed = fetcher.fetch(&site.target, &Meter::default(), &CancellationToken::new()).await;
    assert_eq!(code(failed), FailureCode::DownloadFailed);
}

#[tokio::test]
async fn sweeping_leaves_what_is_kept() {
    let site = Site::new().await;
    site.fetcher().sweep(&[]).await.unwrap();
    site.fetch_whole().await;
    fs::write(site.staging().join("abc.part"), "x").unwrap();
    fs::write(site.staged("json.new"), "{").unwrap();
    site.fetcher().sweep(std::slice::from_ref(&site.target)).await.unwrap();
    assert!(site.staged("raucb").exists() && site.staged("json.new").exists());
    assert!(!site.staging().join("abc.part").exists());
    site.fetcher().sweep(&[]).await.unwrap();
    assert_eq!(fs::read_dir(site.staging()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_checkpoint_of_something_else_counts_for_nothing() {
    let site = Site::new().await;
    let mut other = site.target.clone();
    other.length += 1;
    for checkpoint in [
        serde_json::json!({"target": other, "offset": 4096, "etag": null}).to_string(),
        serde_json::json!({"target": site.target, "offset": 1_u64 << 40, "etag": null}).to_string(),
        serde_json::json!({"target": site.target, "offset": 1 << 20, "etag": null}).to_string(),
        "{\"target\":".to_owned(),
    ] {
        fs::create_dir_all(site.staging()).unwrap();
        fs::write(site.staged("json"), checkpoint).unwrap();
        fs::write(site.staged("part"), [7; 9000]).unwrap();
        site.fetch_whole().await;
        fs::remove_file(site.staged("raucb")).unwrap();
    }
    assert!(site.server.answered().iter().all(|one| one.range.is_none()));
}

#[tokio::test]
async fn no_space_is_said_before_and_while_it_happens() {
    let site = Site::with_content(noise(6 << 20)).await;
    let small = site.directory.path().join("small");
    fs::create_dir(&small).unwrap();
    let Some(_mounted) = Tmpfs::mount(&small) else {
        println!("passed over: a small tmpfs cannot be mounted here, which takes root");
        return;
    };
    let fetcher = site.fetcher_to(&small.join("staging"), &site.server.url("targets"));
    let Err(StepError::Failed { code: found, message, .. }) = fetcher.check_space(&site.target).await else {
        panic!("6 MiB do not fit into 4")
    };
    assert_eq!(found, FailureCode::InsufficientSpace);
    assert!(message.contains("MiB are needed"), "{message}");
    let failed = fetcher.fetch(&site.target, &Meter::default(), &CancellationToken::new()).await;
    assert_eq!(code(failed), FailureCode::InsufficientSpace);

    site.fetcher().check_space(&site.target).await.unwrap();
    site.fetch_whole().await;
    site.fetcher().check_space(&site.target).await.unwrap();
}

#[tokio::test]
async fn what_is_there_already_needs_no_space() {
    let site = Site::with_content(noise(3 << 20)).await;
    let small = site.directory.path().join("small");
    fs::create_dir(&small).unwrap();
    let Some(_mounted) = Tmpfs::mount(&small) else {
        println!("passed over: a small tmpfs cannot be mounted here, which takes root");
        return;
    };
    let fetcher = site.fetcher_to(&small, &site.server.url("targets"));
    fetcher.check_space(&site.target).await.unwrap();
    let path = fetcher.fetch(&site.target, &Meter::default(), &CancellationToken::new()).await.unwrap();
    assert!(fs::read(path).unwrap() == site.content);
    fetcher.check_space(&site.target).await.unwrap();
}

/// Four MiB of memory as a file system.
struct Tmpfs<'a>(&'a Path);

impl<'a> Tmpfs<'a> {
    fn mount(at: &'a Path) -> Option<Self> {
        let mut mount = Command::new("mount");
        let mount = mount.args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"]).arg(at).output();
        mount.is_ok_and(|output| output.status.success()).then_some(Self(at))
    }
}

impl Drop for Tmpfs<'_> {
    fn drop(&mut self) {
        // The directory is a temporary one; were it still mounted, its removal would say so.
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}
