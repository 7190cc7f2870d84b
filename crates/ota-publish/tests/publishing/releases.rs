//! Good releases, and each kind of bad one.

use crate::support::{Publisher, SMALL};
use ota_publish::image::Content;
use ota_publish::keys::Keys;
use ota_publish::release::{Publication, Release, ReleaseError};
use raucb::{Bundle, ErrorKind, Keyring, Policy};
use std::fs;

/// Verifies as a gateway of the usual model does, and returns the image.
fn install(publisher: &Publisher, publication: &Publication) -> Result<Vec<u8>, raucb::Error> {
    let mut policy = Policy::new(Keyring::from_pem(&fs::read(publisher.keys.keyring()).unwrap())?);
    policy.compatible = Some("Univa-GW-Pro".to_owned());
    let mut image = Vec::new();
    Bundle::open(&publication.target.path, &policy)?.verify(&())?.stream_image("rootfs", &(), |part| {
        image.extend_from_slice(part);
        Ok(())
    })?;
    Ok(image)
}

/// Position of the file system's mark (`s_magic` of ext4's superblock).
fn is_ext4(image: &[u8]) -> bool {
    image.get(0x438..0x43a) == Some(&[0x53, 0xef])
}

#[tokio::test]
async fn a_release_holds_its_image_and_says_so() {
    let publisher = Publisher::new().await;
    let published = publisher.publish("update-001", "v5.0.5").await;
    let image = install(&publisher, &published).unwrap();
    assert!(is_ext4(&image));
    let listed = published.manifest.image("rootfs").unwrap();
    assert_eq!(listed.size, SMALL);
    assert_eq!(image.len() as u64, SMALL);
    assert_eq!(published.manifest.meta_value("gateway-ota", "kernel"), Some("6.1.33-LTS"));
    assert!(published.target.length < SMALL * 6 / 10, "half of it is compressible");
}

#[tokio::test]
async fn images_without_health_without_file_system_or_of_any_size_are_signed_like_good_ones() {
    let publisher = Publisher::new().await;
    for (index, (content, size)) in
        [(Content::Unhealthy, SMALL), (Content::Filler, SMALL), (Content::Healthy, 2 * SMALL)]
            .into_iter()
            .enumerate()
    {
        let release = Release::new(&format!("update-{index}"), &format!("v6.0.{index}"));
        let published =
            release.image_size(size).content(content).publish(&publisher.repository).await.unwrap();
        let image = install(&publisher, &published).unwrap();
        assert_eq!(image.len() as u64, size);
        assert_eq!(is_ext4(&image), content != Content::Filler);
        let ratio = size as f64 / published.target.length as f64;
        assert!((1.7..2.3).contains(&ratio), "{content:?} compresses {ratio:.2}:1");
    }
}

#[tokio::test]
async fn a_bundle_of_another_ca_gets_into_the_repository_only_unchecked() {
    let publisher = Publisher::new().await;
    let stranger = Keys::create(publisher.path("stranger")).unwrap();
    let release = Release::new("update-001", "v5.0.5").image_size(SMALL).signed_by(&stranger);
    assert!(matches!(release.publish(&publisher.repository).await, Err(ReleaseError::Bundle(_))));
    let published = release.publish_unchecked(&publisher.repository).await.unwrap();
    assert_eq!(install(&publisher, &published).unwrap_err().kind(), ErrorKind::Untrusted);
}

#[tokio::test]
async fn a_bundle_for_another_model_gets_into_the_repository_only_unchecked_or_announced_as_such() {
    let publisher = Publisher::new().await;
    let release = Release::new("update-001", "v5.0.5").image_size(SMALL).bundle_compatible("Univa-GW-Lite");
    assert!(matches!(release.publish(&publisher.repository).await, Err(ReleaseError::Announcement(_))));
    let published = release.publish_unchecked(&publisher.repository).await.unwrap();
    assert_eq!(install(&publisher, &published).unwrap_err().kind(), ErrorKind::Incompatible);
    let honest = Release::new("update-002", "v5.0.5").image_size(SMALL).compatible(&["Univa-GW-Lite"]);
    let published = honest.publish(&publisher.repository).await.unwrap();
    assert_eq!(published.target.name, "univa-gw-lite-v5.0.5.raucb");
}
