//! Servers that refuse, or that have something else than what was signed.

use crate::site::{LENGTH, Site, code, noise};
use ota_core::{FailureCode, TargetFile};
use ota_engine::ports::{Fetcher, Meter};
use ota_publish::faults::Fault;
use std::fs;
use tokio_util::sync::CancellationToken;

const MIB: u64 = 1 << 20;

#[tokio::test]
async fn what_the_server_refuses_is_not_asked_for_again() {
    for status in [400, 401, 404, 403, 410] {
        let site = Site::new().await;
        site.server.inject("targets", Fault::Status(status));
        assert_eq!(code(site.fetch().await), FailureCode::DownloadFailed);
        let places = if matches!(status, 403 | 404) { 2 } else { 1 };
        assert_eq!(site.server.requests("targets"), places, "{status}");
    }
}

#[tokio::test]
async fn trouble_of_the_server_passes_or_uses_up_the_budget() {
    for status in [500, 503, 429] {
        let site = Site::new().await;
        site.server.inject_times("targets", Fault::Status(status), 2);
        site.fetch_whole().await;
        assert_eq!(site.server.requests("targets"), 3);
    }
    let site = Site::new().await;
    site.server.inject("targets", Fault::Status(500));
    assert_eq!(code(site.fetch().await), FailureCode::DownloadFailed);
    assert_eq!(site.server.requests("targets"), 4);
}

#[tokio::test]
async fn resets_pass_and_a_missing_server_fails() {
    let site = Site::new().await;
    site.server.inject_times("targets", Fault::Reset, 2);
    site.fetch_whole().await;

    let site = Site::new().await;
    let fetcher = site.fetcher();
    let Site { server, target, directory: _directory, .. } = site;
    server.stop().await;
    let failed = fetcher.fetch(&target, &Meter::default(), &CancellationToken::new()).await;
    assert_eq!(code(failed), FailureCode::DownloadFailed);
}

#[tokio::test]
async fn other_bytes_are_thrown_away() {
    let site = Site::new().await;
    site.server.inject("targets", Fault::Flip(2 * MIB + 5));
    assert_eq!(code(site.fetch().await), FailureCode::DownloadFailed);
    assert_eq!(site.server.requests("targets"), 1);
    assert_eq!(fs::read_dir(site.staging()).unwrap().count(), 0);
    site.server.clear();
    site.fetch_whole().await;
}

#[tokio::test]
async fn a_part_that_changed_on_the_disk_is_thrown_away() {
    let site = Site::new().await;
    leave_two_mebibytes(&site).await;
    let mut part = fs::read(site.staged("part")).unwrap();
    part[1000] ^= 1;
    fs::write(site.staged("part"), part).unwrap();
    assert_eq!(code(site.fetch().await), FailureCode::DownloadFailed);
    site.fetch_whole().await;
}

/// A download that has failed half-way: from a server that cannot send parts, there is no progress behind its cuts.
async fn leave_two_mebibytes(site: &Site) {
    site.server.inject("targets", Fault::CutAfter(2 * MIB));
    site.server.inject("targets", Fault::IgnoreRange);
    assert_eq!(code(site.fetch().await), FailureCode::DownloadFailed);
    assert_eq!(site.checkpoint(), 2 * MIB);
    site.server.clear();
}

#[tokio::test]
async fn another_length_is_refused_at_once_and_costs_nothing_that_is_there() {
    for fault in
        [Fault::Truncate(3 * MIB), Fault::Replace(noise(LENGTH + 1)), Fault::Replace(b"<html>".to_vec())]
    {
        let site = Site::new().await;
        leave_two_mebibytes(&site).await;
        let (requests, saved) = (site.server.requests("targets"), site.checkpoint());
        site.server.inject("targets", fault.clone());
        if !matches!(fault, Fault::Replace(ref content) if content.len() < LENGTH) {
            assert_eq!(code(site.fetch().await), FailureCode::DownloadFailed);
            assert_eq!(site.server.requests("targets"), requests + 1, "{fault:?}");
            assert_eq!(site.checkpoint(), saved, "{fault:?}");
        } else {
            // A range behind its end: the server says so, then shows its file whole.
            assert_eq!(code(site.fetch().await), FailureCode::DownloadFailed);
            assert_eq!(site.server.requests("targets"), requests + 2, "{fault:?}");
        }
        site.server.clear();
        site.fetch_whole().await;
    }
}

#[tokio::test]
async fn servers_without_parts_or_with_another_file_make_it_begin_anew() {
    for fault in [Fault::IgnoreRange, Fault::NewEntityTag, Fault::Status(416)] {
        let site = Site::new().await;
        site.server.inject_times("targets", Fault::CutAt(3 * MIB), 1);
        match fault {
            Fault::Status(_) => {
                site.fetch().await.unwrap();
                fs::rename(site.staged("raucb"), site.staged("part")).unwrap();
                let checkpoint = serde_json::json!({"target": site.target, "offset": 2 * MIB, "etag": null});
                fs::write(site.staged("json"), checkpoint.to_string()).unwrap();
                site.server.inject_times("targets", fault, 1);
            }
            fault => site.server.inject("targets", fault),
        }
        site.fetch_whole().await;
    }
}

#[tokio::test]
async fn names_that_make_no_file_or_address_are_refused() {
    let site = Site::new().await;
    for sha256 in ["", "../../etc/passwd", &"A".repeat(64)] {
        let target = TargetFile { sha256: sha256.to_owned(), ..site.target.clone() };
        let failed = site.fetcher().fetch(&target, &Meter::default(), &CancellationToken::new()).await;
        assert_eq!(code(failed), FailureCode::DownloadFailed);
    }
    assert!(!site.staging().exists());
}
