//! Repositories that are not to be used, and that what was known before outlives them.

use crate::site::{Site, edit, versions};
use jiff::{SignedDuration, Timestamp};
use ota_publish::faults::Fault;
use ota_publish::keys::Keys;
use ota_publish::repository::{Expiry, Repository};
use serde_json::json;
use std::fs;

async fn seen() -> Site {
    let site = Site::new().await;
    site.publish_release("a", "v5.0.5").await;
    site.check().await.unwrap();
    site
}

async fn works_again(site: &Site) {
    site.server.clear();
    assert_eq!(versions(&site.check().await.unwrap()), ["v5.0.5"]);
}

#[tokio::test]
async fn a_server_that_is_down() {
    let site = seen().await;
    let gateway = site.gateway();
    let Site { server, directory: _directory, .. } = site;
    server.stop().await;
    let error = ota_engine::ports::Repository::check(&gateway).await.unwrap_err();
    assert!(error.message.contains("cannot be reached"), "{error:?}");
}

#[tokio::test]
async fn answers_with_a_status() {
    let site = seen().await;
    for (status, words) in
        [(404, "does not give out"), (403, "does not give out"), (500, "of its own (status 500)")]
    {
        for file in ["timestamp.json", "metadata"] {
            site.server.inject(file, Fault::Status(status));
            let message = site.refusal().await;
            assert!(message.contains(words), "{status} {file}: {message}");
            works_again(&site).await;
        }
    }
    // A server in trouble is not one that has no newer root.
    site.server.inject("2.root.json", Fault::Status(500));
    assert!(site.refusal().await.contains("status 500"));
    works_again(&site).await;
}

#[tokio::test]
async fn trouble_that_passes_is_not_noticed() {
    let site = seen().await;
    for fault in [Fault::Status(503), Fault::Reset, Fault::CutAfter(100)] {
        site.server.inject_times("timestamp.json", fault, 2);
        works_again(&site).await;
    }
}

#[tokio::test]
async fn answers_that_break_off() {
    let site = seen().await;
    for file in ["timestamp.json", "snapshot.json", "targets.json"] {
        site.server.inject(file, Fault::CutAfter(100));
        let message = site.refusal().await;
        assert!(message.contains("in the middle"), "{file}: {message}");
        works_again(&site).await;
    }
}

#[tokio::test]
async fn metadata_that_is_truncated_or_malformed() {
    let site = seen().await;
    for file in ["timestamp.json", "snapshot.json", "targets.json"] {
        for fault in [Fault::Truncate(100), Fault::Replace(b"<html>sign in</html>".to_vec()), Fault::Flip(20)]
        {
            site.server.inject(file, fault.clone());
            let message = site.refusal().await;
            assert!(message.contains("damaged or incomplete"), "{file} {fault:?}: {message}");
            works_again(&site).await;
        }
    }
    site.server.inject("timestamp.json", Fault::Replace(vec![b' '; 2 << 20]));
    assert!(site.refusal().await.contains("damaged or incomplete"));
    works_again(&site).await;
}

#[tokio::test]
async fn metadata_that_nobody_trusted_signed() {
    let site = seen().await;
    let timestamp = site.repository.directory().join("metadata/timestamp.json");
    let signed = fs::read(&timestamp).unwrap();
    edit(&timestamp, |document| {
        document.insert("version".to_owned(), json!(99));
    });
    assert!(site.refusal().await.contains("not signed by the keys"));
    fs::write(&timestamp, signed).unwrap();
    works_again(&site).await;

    let keys = Keys::create(site.directory.path().join("other keys")).unwrap();
    let other = Repository::init(site.directory.path().join("other"), &keys, &Expiry::usual()).await.unwrap();
    site.server.serve_from(other.directory());
    assert!(site.refusal().await.contains("not signed by the keys"));
    site.server.serve_from(site.repository.directory());
    works_again(&site).await;
}

#[tokio::test]
async fn metadata_that_has_expired() {
    let site = seen().await;
    site.repository.expire(Timestamp::now() - SignedDuration::from_secs(60)).await.unwrap();
    let message = site.refusal().await;
    assert!(message.contains("timestamp metadata has expired"), "{message}");
    site.repository.refresh(&Expiry::usual()).await.unwrap();
    works_again(&site).await;
}

#[tokio::test]
async fn older_metadata_that_is_played_back() {
    let site = Site::new().await;
    site.publish_release("a", "v5.0.4").await;
    let old = site.copy_repository("old");
    site.publish_release("b", "v5.0.5").await;
    assert_eq!(versions(&site.check().await.unwrap()), ["v5.0.5", "v5.0.4"]);
    site.server.serve_from(&old);
    // Each check is a newly started gateway: what was seen is on the disk.
    for _ in 0..2 {
        let message = site.refusal().await;
        assert!(message.contains("older metadata"), "{message}");
    }
    site.server.serve_from(site.repository.directory());
    assert_eq!(versions(&site.check().await.unwrap()), ["v5.0.5", "v5.0.4"]);
}

/// The timestamp was verified, then the check failed: going back behind it is refused all the same.
#[tokio::test]
async fn what_was_verified_before_a_failure_counts_as_seen() {
    let site = seen().await;
    let old = site.copy_repository("old");
    site.repository.refresh(&Expiry::usual()).await.unwrap();
    site.server.inject("snapshot.json", Fault::Status(404));
    assert!(site.refusal().await.contains("does not give out"));
    site.server.clear();
    site.server.serve_from(&old);
    assert!(site.refusal().await.contains("older metadata"));
    site.server.serve_from(site.repository.directory());
    works_again(&site).await;
}

#[tokio::test]
async fn a_gateway_without_a_usable_root_or_with_a_clock_that_went_back() {
    let site = seen().await;
    let clock = site.directory.path().join("tuf/latest_known_time.json");
    let known = fs::read(&clock).unwrap();
    let future = Timestamp::now() + SignedDuration::from_hours(1);
    fs::write(&clock, serde_json::to_vec(&future).unwrap()).unwrap();
    assert!(site.refusal().await.contains("clock went back"));
    fs::write(&clock, known).unwrap();
    works_again(&site).await;

    let root = site.directory.path().join("root.json");
    let trusted = fs::read(&root).unwrap();
    fs::write(&root, "{").unwrap();
    assert!(site.refusal().await.contains("trusted root"));
    fs::remove_file(&root).unwrap();
    assert!(site.refusal().await.contains("trusted root"));
    fs::write(&root, trusted).unwrap();
    works_again(&site).await;
}
