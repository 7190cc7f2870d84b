//! The repository as a TUF client sees it over HTTP.

use crate::support::{Client, Publisher, content};
use jiff::{SignedDuration, Timestamp};
use ota_publish::faults::FaultyServer;
use ota_publish::release::{Release, ReleaseError};
use ota_publish::repository::{Expiry, Repository, RepositoryError, RoleType};
use ota_publish::serve::Server;
use std::fs;
use tough::error::Error as TufError;

#[tokio::test]
async fn a_client_finds_what_is_announced_and_gets_the_same_bytes() {
    let publisher = Publisher::new().await;
    let published = publisher.publish("update-001", "v5.0.5").await;
    let server = Server::start(publisher.repository.directory()).await.unwrap();
    let client = Client::new(&publisher.repository);
    let seen = client.load(&server.url("/")).await.unwrap();
    let (name, target) = seen.targets().signed.targets.iter().next().unwrap();
    assert_eq!(name.raw(), "univa-gw-pro-v5.0.5.raucb");
    assert_eq!(target.custom["id"], "update-001");
    assert_eq!(target.custom["compatible"], serde_json::json!(["Univa-GW-Pro"]));
    assert_eq!(hex::encode(&target.hashes.sha256), published.target.sha256);
    assert_eq!(content(&seen, name.raw()).await, fs::read(&published.target.path).unwrap());
    server.stop().await;
}

#[tokio::test]
async fn a_refresh_signs_a_new_timestamp_and_leaves_the_list_of_targets() {
    let publisher = Publisher::new().await;
    publisher.publish("update-001", "v5.0.5").await;
    let server = Server::start(publisher.repository.directory()).await.unwrap();
    let client = Client::new(&publisher.repository);
    let before = client.load(&server.url("/")).await.unwrap();
    publisher.repository.refresh(&Expiry::usual()).await.unwrap();
    let after = client.load(&server.url("/")).await.unwrap();
    assert_eq!(after.timestamp().signed.version.get(), before.timestamp().signed.version.get() + 1);
    assert_eq!(after.targets().signed, before.targets().signed);
    assert_eq!(
        content(&after, "univa-gw-pro-v5.0.5.raucb").await.len() as u64,
        publisher.repository.targets().await.unwrap()[0].length
    );
}

#[tokio::test]
async fn expired_metadata_is_refused_until_it_is_refreshed() {
    let publisher = Publisher::new().await;
    let server = Server::start(publisher.repository.directory()).await.unwrap();
    let client = Client::new(&publisher.repository);
    publisher.repository.expire(Timestamp::now() - SignedDuration::from_hours(1)).await.unwrap();
    let error = client.load(&server.url("/")).await.err().unwrap();
    assert!(matches!(error, TufError::ExpiredMetadata { .. }), "{error}");
    publisher.repository.refresh(&Expiry::usual()).await.unwrap();
    client.load(&server.url("/")).await.unwrap();
}

#[tokio::test]
async fn a_replayed_older_repository_is_refused_by_a_client_that_knows_the_newer_one() {
    let publisher = Publisher::new().await;
    publisher.publish("update-001", "v5.0.5").await;
    let older = publisher.path("older");
    publisher.repository.keep_copy(&older).await.unwrap();
    publisher.publish("update-002", "v5.1.0").await;
    let server = FaultyServer::start(publisher.repository.directory()).await.unwrap();
    let client = Client::new(&publisher.repository);
    assert_eq!(client.load(&server.url("/")).await.unwrap().targets().signed.targets.len(), 2);
    server.serve_from(&older);
    let error = client.load(&server.url("/")).await.err().unwrap();
    assert!(matches!(error, TufError::OlderMetadata { .. }), "{error}");
    let newcomer = Client::new(&publisher.repository).load(&server.url("/")).await.unwrap();
    assert_eq!(newcomer.targets().signed.targets.len(), 1, "the copy is a whole repository");
}

#[tokio::test]
async fn a_client_with_the_first_root_follows_every_rotation() {
    let publisher = Publisher::new().await;
    publisher.publish("update-001", "v5.0.5").await;
    let server = Server::start(publisher.repository.directory()).await.unwrap();
    let client = Client::new(&publisher.repository);
    for role in [RoleType::Timestamp, RoleType::Snapshot, RoleType::Targets, RoleType::Root] {
        publisher.repository.rotate(role, &Expiry::usual()).await.unwrap();
        client.load(&server.url("/")).await.unwrap();
    }
    publisher.publish("update-002", "v5.1.0").await;
    let seen = Client::new(&publisher.repository).load(&server.url("/")).await.unwrap();
    assert_eq!(seen.root().signed.version.get(), 5);
    assert_eq!(seen.targets().signed.targets.len(), 2);
}

#[tokio::test]
async fn names_and_ids_are_unique_and_a_refused_release_changes_nothing() {
    let publisher = Publisher::new().await;
    publisher.publish("update-001", "v5.0.5").await;
    let before = crate::support::files(publisher.repository.directory());
    for release in [Release::new("update-001", "v5.1.0"), Release::new("update-002", "v5.0.5")] {
        let error =
            release.image_size(crate::support::SMALL).publish(&publisher.repository).await.unwrap_err();
        assert!(
            matches!(
                error,
                ReleaseError::Repository(
                    RepositoryError::Duplicate { .. } | RepositoryError::DuplicateId { .. }
                )
            ),
            "{error}"
        );
    }
    assert_eq!(crate::support::files(publisher.repository.directory()), before);
}

#[tokio::test]
async fn a_withdrawn_release_is_gone() {
    let publisher = Publisher::new().await;
    let published = publisher.publish("update-001", "v5.0.5").await.target;
    publisher.repository.remove(&published.name, &Expiry::usual()).await.unwrap();
    assert!(!published.path.exists());
    assert!(publisher.repository.targets().await.unwrap().is_empty());
    let error = publisher.repository.remove(&published.name, &Expiry::usual()).await.unwrap_err();
    assert!(matches!(error, RepositoryError::Unknown { .. }));
}

#[tokio::test]
async fn old_lists_are_pruned_and_roots_never() {
    let publisher = Publisher::new().await;
    publisher.repository.rotate(RoleType::Timestamp, &Expiry::usual()).await.unwrap();
    for _ in 0..20 {
        publisher.repository.refresh(&Expiry::usual()).await.unwrap();
    }
    let metadata = publisher.repository.directory().join("metadata");
    let names: Vec<String> = fs::read_dir(metadata)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let count = |end: &str| names.iter().filter(|name| name.ends_with(end)).count();
    assert_eq!(count("snapshot.json"), 16);
    assert_eq!(count("root.json"), 2);
}

#[tokio::test]
async fn a_repository_is_made_once_and_opened_only_where_it_is() {
    let publisher = Publisher::new().await;
    let again = Repository::init(publisher.repository.directory(), &publisher.keys, &Expiry::usual()).await;
    assert!(matches!(again, Err(RepositoryError::Exists { .. })));
    let missing = Repository::open(publisher.path("nothing"), &publisher.keys);
    assert!(matches!(missing, Err(RepositoryError::Missing { .. })));
}
