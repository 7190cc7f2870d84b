//! Connections, processes and power are lost, and the download goes on.

use crate::site::{LENGTH, Site, noise, until};
use ota_engine::ports::{Fetcher, Meter, StepError};
use ota_platform::{FetchConfig, Patience, ResumableFetcher};
use ota_publish::faults::{Fault, FaultyServer};
use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use url::Url;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

#[tokio::test]
async fn everything_arrives_and_a_second_call_asks_nobody() {
    let site = Site::new().await;
    site.fetch_whole().await;
    assert_eq!(site.server.requests("targets"), 1);
    site.fetch_whole().await;
    assert_eq!(site.server.requests("targets"), 1);
}

#[tokio::test]
async fn lengths_around_blocks_and_pages() {
    for length in [0, 1, 4095, 4096, 4097, MIB as usize - 1, MIB as usize, 3 * MIB as usize + 4096] {
        Site::with_content(noise(length)).await.fetch_whole().await;
    }
}

#[tokio::test]
async fn dropped_connections_cost_next_to_nothing() {
    let site = Site::new().await;
    // Of several cuts that a response would pass, the one that was added last counts.
    for offset in [LENGTH as u64 - 1, MIB, KIB] {
        site.server.inject("targets", Fault::CutAt(offset));
    }
    site.fetch_whole().await;
    assert_eq!(site.server.requests("targets"), 4);
    assert!(site.share_sent() <= 1.1, "{}", site.share_sent());
}

#[tokio::test]
async fn tries_are_counted_from_the_last_progress() {
    let site = Site::new().await;
    site.server.inject("targets", Fault::CutAfter(256 * KIB));
    site.fetch_whole().await;
    assert!(site.server.requests("targets") > 16, "more tries than a budget of 4 without progress");
    assert!(site.share_sent() <= 1.1, "{}", site.share_sent());
}

/// The process is killed at a cut, where the server fell silent, three times.
#[tokio::test(flavor = "multi_thread")]
async fn killed_processes_cost_little() {
    let site = Site::with_content(noise(24 * MIB as usize + 77)).await;
    for cut in [KIB, MIB, site.target.length - 1] {
        site.server.clear();
        let from = site.checkpoint();
        site.server.inject("targets", Fault::Stall(cut - from));
        let running = site.start();
        until("the server fell silent", || running.meter.read().0 == cut).await;
        let saved = cut - cut % 4096;
        until("a checkpoint", || site.checkpoint() == saved).await;
        running.task.abort();
        assert!(running.task.await.unwrap_err().is_cancelled());
    }
    site.server.clear();
    site.fetch_whole().await;
    assert!(site.share_sent() <= 1.1, "{}", site.share_sent());
}

/// After a power cut anything may be behind the checkpoint, or nothing.
#[tokio::test(flavor = "multi_thread")]
async fn what_no_checkpoint_vouches_for_is_downloaded_again() {
    for lost in [false, true] {
        let site = Site::new().await;
        site.server.inject("targets", Fault::Stall(3 * MIB));
        let running = site.start();
        until("a checkpoint", || site.checkpoint() == 3 * MIB).await;
        running.task.abort();
        let _ = running.task.await;

        let checkpoint = fs::read_to_string(site.staged("json")).unwrap();
        fs::write(site.staged("json"), checkpoint.replace(&(3 * MIB).to_string(), &(2 * MIB).to_string()))
            .unwrap();
        let part = OpenOptions::new().write(true).open(site.staged("part")).unwrap();
        if lost {
            part.set_len(2 * MIB).unwrap();
        } else {
            part.write_all_at(&[0xa5; 4096], 2 * MIB).unwrap();
            part.set_len(9 * MIB).unwrap();
        }
        site.server.clear();
        site.fetch_whole().await;
        let ranges: Vec<_> = site.server.answered().into_iter().filter_map(|one| one.range).collect();
        assert_eq!(ranges, ["bytes=2097152-"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_complete_part_needs_no_server() {
    let site = Site::new().await;
    site.fetch_whole().await;
    fs::rename(site.staged("raucb"), site.staged("part")).unwrap();
    let checkpoint = serde_json::json!({"target": site.target, "offset": site.target.length, "etag": null});
    fs::write(site.staged("json"), checkpoint.to_string()).unwrap();
    site.fetch_whole().await;
    assert_eq!(site.server.requests("targets"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn checkpoints_keep_up_with_a_slow_connection() {
    let site = Site::new().await;
    site.server.inject("targets", Fault::Throttle(2 * MIB));
    let running = site.start();
    let mut seen = BTreeSet::new();
    while !running.task.is_finished() {
        let (checkpoint, received) = (site.checkpoint(), running.meter.read().0);
        assert!(
            checkpoint <= received.max(checkpoint) && (checkpoint % 4096 == 0 || checkpoint == LENGTH as u64)
        );
        seen.insert(checkpoint);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    running.task.await.unwrap().unwrap();
    // More than two seconds of download, hence at least one checkpoint in each, and none before the first.
    assert!(seen.len() >= 3, "{seen:?}");
    assert!(fs::read(site.staged("raucb")).unwrap() == site.content);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_is_heard_at_once_and_keeps_what_is_there() {
    let site = Site::new().await;
    site.server.inject("targets", Fault::Stall(3 * MIB));
    let running = site.start();
    until("three MiB", || running.meter.read().0 == 3 * MIB).await;
    running.cancel.cancel();
    assert_eq!(running.task.await.unwrap(), Err(StepError::Cancelled));
    assert_eq!(site.checkpoint(), 3 * MIB);
    site.server.clear();
    site.fetch_whole().await;
    assert!(site.share_sent() <= 1.1, "{}", site.share_sent());
}

#[tokio::test]
async fn a_cancel_is_heard_before_the_first_byte_and_between_tries() {
    let site = Site::new().await;
    let cancel = CancellationToken::new();
    cancel.cancel();
    let cancelled = site.fetcher().fetch(&site.target, &Meter::default(), &cancel).await;
    assert_eq!(cancelled, Err(StepError::Cancelled));
    assert_eq!(site.server.requests("targets"), 0);

    site.server.inject("targets", Fault::Status(503));
    let patience = Patience { first_pause: Duration::from_secs(3600), ..Patience::default() };
    let targets_url = Url::parse(&site.server.url("targets")).unwrap();
    let fetcher =
        ResumableFetcher::new(FetchConfig { targets_url, staging: site.staging(), patience }).unwrap();
    let (meter, cancel) = (Meter::default(), CancellationToken::new());
    let stop = async {
        until("a try", || site.server.requests("targets") == 1).await;
        cancel.cancel();
    };
    let (cancelled, ()) = tokio::join!(fetcher.fetch(&site.target, &meter, &cancel), stop);
    assert_eq!(cancelled, Err(StepError::Cancelled));
}

#[tokio::test]
async fn a_silent_connection_is_given_up() {
    let site = Site::new().await;
    site.server.inject_times("targets", Fault::Stall(2 * MIB), 1);
    let patience = Patience {
        tries: 2,
        first_pause: Duration::from_millis(1),
        silence: Duration::from_millis(300),
        ..Patience::default()
    };
    let targets_url = Url::parse(&site.server.url("targets")).unwrap();
    let fetcher =
        ResumableFetcher::new(FetchConfig { targets_url, staging: site.staging(), patience }).unwrap();
    let path = fetcher.fetch(&site.target, &Meter::default(), &CancellationToken::new()).await.unwrap();
    assert!(fs::read(path).unwrap() == site.content);
    assert!(site.share_sent() <= 1.1, "{}", site.share_sent());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_goes_away_and_comes_back() {
    let site = Site::new().await;
    site.server.inject("targets", Fault::Stall(2 * MIB));
    let patience = Patience { tries: 500, longest_pause: Duration::from_millis(20), ..Patience::default() };
    let targets_url = Url::parse(&site.server.url("targets")).unwrap();
    let fetcher =
        ResumableFetcher::new(FetchConfig { targets_url, staging: site.staging(), patience }).unwrap();
    let Site { server, target, content, directory } = site;
    let address = server.address();
    let meter = Meter::default();
    let cancel = CancellationToken::new();
    let come_back = async {
        until("half of it", || meter.read().0 == 2 * MIB).await;
        server.stop().await;
        FaultyServer::start_on(&directory.path().join("repository"), address).await.unwrap()
    };
    let (fetched, server) = tokio::join!(fetcher.fetch(&target, &meter, &cancel), come_back);
    assert!(fs::read(fetched.unwrap()).unwrap() == content);
    assert_eq!(server.bytes_sent("targets"), target.length - 2 * MIB);
}
