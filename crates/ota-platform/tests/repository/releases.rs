//! What a repository offers.

use crate::site::{Site, custom, versions};
use ota_core::{Severity, UpdateKind};
use ota_engine::ports::Repository as _;
use ota_publish::release::{Release, ReleaseError};
use ota_publish::repository::{Expiry, RoleType};
use ota_publish::waves::Wave;
use serde_json::json;
use url::Url;

#[tokio::test]
async fn releases_come_newest_first_and_complete() {
    let site = Site::new().await;
    assert_eq!(site.check().await.unwrap(), []);
    for (id, version) in [("a", "v5.0.9"), ("b", "v5.1.0-rc1"), ("c", "v5.0.10"), ("d", "v5.1.0")] {
        site.publish_release(id, version).await;
    }
    let releases = site.check().await.unwrap();
    assert_eq!(versions(&releases), ["v5.1.0", "v5.1.0-rc1", "v5.0.10", "v5.0.9"]);
    let (release, published) = (&releases[0], site.repository.targets().await.unwrap());
    let published = published.iter().find(|target| target.name == release.target.name).unwrap();
    assert_eq!(release.target.sha256, published.sha256);
    assert_eq!(release.target.length, published.length);
    assert_eq!((release.kind, release.severity), (UpdateKind::Security, Severity::Critical));
    assert_eq!((release.id.as_str(), release.released.as_str()), ("d", "2025-03-15"));
    assert_eq!(release.kernel.as_deref(), Some("6.1.34-LTS"));
    assert!(release.fits("Univa-GW-Pro"));
}

#[tokio::test]
async fn what_cannot_be_read_is_passed_over() {
    let site = Site::new().await;
    site.publish("nothing.raucb", json!({})).await;
    site.publish("odd.raucb", json!({"id": "odd", "version": 5})).await;
    let mut urgent = custom("urgent", "v6.0.0");
    urgent["severity"] = json!("yesterday");
    site.publish("urgent.raucb", urgent).await;
    site.publish_release("good", "v5.0.5").await;
    assert_eq!(versions(&site.check().await.unwrap()), ["v5.0.5"]);
}

#[tokio::test]
async fn waves_are_what_the_publisher_said_and_both_refuse_the_same() {
    let site = Site::new().await;
    let wave = |text: &str| text.parse::<Wave>().unwrap();
    let (first, last) = (wave("canaries=5@2026-03-15T06:00:00Z"), wave("100@2026-03-18T06:00:00Z"));
    let release = Release::new("waves", "v5.0.5").image_size(1 << 20);
    release.clone().waves(vec![first.clone(), last.clone()]).publish(&site.repository).await.unwrap();
    let read = site.check().await.unwrap().remove(0);
    assert_eq!(read.waves.len(), 2);
    assert_eq!(serde_json::to_value(&read.waves).unwrap(), serde_json::to_value([&first, &last]).unwrap());
    let none = Wave { percent: 0, ..first.clone() };
    let most = Wave { percent: 101, ..last.clone() };
    for waves in
        [vec![last, first.clone()], vec![first.clone(), first.clone()], vec![none], vec![first, most]]
    {
        let here: Vec<ota_core::Wave> =
            serde_json::from_value(serde_json::to_value(&waves).unwrap()).unwrap();
        assert!(ota_core::check_waves(&here).is_err(), "{waves:?}");
        let refused = release.clone().waves(waves.clone()).publish(&site.repository).await;
        assert!(matches!(refused, Err(ReleaseError::Announcement(_))), "{waves:?}");
    }
}

#[tokio::test]
async fn a_repository_may_be_a_directory() {
    let site = Site::new().await;
    site.publish_release("a", "v5.0.5").await;
    let metadata = Url::from_directory_path(site.repository.directory().join("metadata")).unwrap();
    let gateway = site.gateway_at(metadata.as_str());
    assert_eq!(versions(&gateway.check().await.unwrap()), ["v5.0.5"]);
    assert_eq!(gateway.location(), metadata.as_str());
    assert_eq!(site.server.answered(), []);
}

#[tokio::test]
async fn rotated_keys_are_followed_from_the_first_root() {
    let site = Site::new().await;
    site.publish_release("a", "v5.0.5").await;
    site.check().await.unwrap();
    for role in [RoleType::Root, RoleType::Timestamp, RoleType::Snapshot, RoleType::Targets] {
        site.repository.rotate(role, &Expiry::usual()).await.unwrap();
        assert_eq!(versions(&site.check().await.unwrap()), ["v5.0.5"], "{role}");
    }
}

#[tokio::test]
async fn credentials_are_not_shown() {
    let site = Site::new().await;
    let gateway = site.gateway_at("http://gateway:secret@127.0.0.1:9/metadata?token=secret");
    assert_eq!(gateway.location(), "http://127.0.0.1:9/metadata");
    let error = gateway.check().await.unwrap_err();
    assert!(error.message.contains("cannot be reached"), "{error:?}");
    assert!(!error.to_string().contains("secret"), "{error:?}");
}
