//! A release from its image to its place in the repository.

use crate::announcement::{Announcement, InvalidAnnouncement, Kind, Severity};
use crate::bundle::{self, BundleError};
use crate::image::{self, Content, ImageError, ImageSpec};
use crate::keys::Keys;
use crate::repository::{Expiry, Published, Repository, RepositoryError};
use crate::waves::Wave;
use raucb::{BundleSpec, Compression, ImageSource, Manifest};
use serde_json::Map;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// Model that the demo's releases are built for, and `compatible` of their bundles.
pub const MODEL: &str = "Univa-GW-Pro";

/// Level at which zstd is still faster than the disk.
const ZSTD_LEVEL: u8 = 3;

/// A release could not be made or published.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    #[error("cannot make the image")]
    Image(#[from] ImageError),
    #[error("cannot make or accept the bundle")]
    Bundle(#[from] BundleError),
    #[error("the update is not described as gateways need it")]
    Announcement(#[from] InvalidAnnouncement),
    #[error("cannot publish")]
    Repository(#[from] RepositoryError),
    /// There is no room to work in.
    #[error("cannot work in {}", path.display())]
    Work { path: PathBuf, source: io::Error },
    /// The work was cancelled.
    #[error("the work was interrupted")]
    Interrupted,
}

/// A release of the demo or of a test: a generated image, its bundle, and what is announced about it.
#[derive(Debug, Clone)]
pub struct Release {
    announcement: Announcement,
    image: ImageSpec,
    /// Images of components beside it, by class.
    components: BTreeMap<String, Vec<u8>>,
    /// The bundle brings no system.
    components_only: bool,
    compression: Compression,
    /// The bundle's own, where it is not the first that is announced.
    bundle_compatible: Option<String>,
    /// Who signs the bundle, where it is not the repository's publisher.
    signer: Option<Keys>,
}

/// A release that clients can find.
#[derive(Debug, Clone)]
pub struct Publication {
    /// The target in the repository.
    pub target: Published,
    /// What was signed; it holds length and SHA-256 of each image.
    pub manifest: Manifest,
}

impl Release {
    /// A bug fix of low severity for [`MODEL`] with an image of [`image::DEFAULT_SIZE`]; the other methods change that.
    #[must_use]
    pub fn new(id: &str, version: &str) -> Self {
        let kernel = "6.1.33-LTS";
        Self {
            announcement: Announcement {
                id: id.to_owned(),
                version: version.to_owned(),
                kind: Kind::Bugfix,
                severity: Severity::Low,
                released: jiff::civil::date(2025, 3, 15),
                description: format!("Release {version}."),
                changelog: Vec::new(),
                compatible: vec![MODEL.to_owned()],
                kernel: kernel.to_owned(),
                waves: Vec::new(),
                more: Map::new(),
            },
            image: ImageSpec::new(version, kernel),
            components: BTreeMap::new(),
            components_only: false,
            compression: Compression::Zstd { level: ZSTD_LEVEL },
            bundle_compatible: None,
            signer: None,
        }
    }

    /// What the update is for, and how urgent it is.
    #[must_use]
    pub fn kind(mut self, kind: Kind, severity: Severity) -> Self {
        (self.announcement.kind, self.announcement.severity) = (kind, severity);
        self
    }

    /// Day of the release.
    #[must_use]
    pub fn released(mut self, day: jiff::civil::Date) -> Self {
        self.announcement.released = day;
        self
    }

    /// Kernel of the image.
    #[must_use]
    pub fn kernel(mut self, kernel: &str) -> Self {
        kernel.clone_into(&mut self.announcement.kernel);
        kernel.clone_into(&mut self.image.kernel);
        self
    }

    /// What is said about it.
    #[must_use]
    pub fn notes(mut self, description: &str, changelog: &[&str]) -> Self {
        description.clone_into(&mut self.announcement.description);
        self.announcement.changelog = changelog.iter().map(|&line| line.to_owned()).collect();
        self
    }

    /// Models that it is for; the first is the bundle's `compatible`.
    #[must_use]
    pub fn compatible(mut self, models: &[&str]) -> Self {
        self.announcement.compatible = models.iter().map(|&model| model.to_owned()).collect();
        self
    }

    /// Whom it reaches first.
    #[must_use]
    pub fn waves(mut self, waves: Vec<Wave>) -> Self {
        self.announcement.waves = waves;
        self
    }

    /// Size of the image in bytes.
    #[must_use]
    pub fn image_size(mut self, size: u64) -> Self {
        self.image.size = size;
        self
    }

    /// What the image is good for; without this it is [`Content::Healthy`].
    #[must_use]
    pub fn content(mut self, content: Content) -> Self {
        self.image.content = content;
        self
    }

    /// An image that fails the health check of its trial.
    #[must_use]
    pub fn unhealthy(self) -> Self {
        self.content(Content::Unhealthy)
    }

    /// A bundle that is built for another model than is announced; for [`Release::publish_unchecked`].
    #[must_use]
    pub fn bundle_compatible(mut self, model: &str) -> Self {
        self.bundle_compatible = Some(model.to_owned());
        self
    }

    /// A bundle that is signed with these keys instead of the publisher's; for [`Release::publish_unchecked`].
    #[must_use]
    pub fn signed_by(mut self, keys: &Keys) -> Self {
        self.signer = Some(keys.clone());
        self
    }

    /// One more component, of the class `name`, in the bundle.
    #[must_use]
    pub fn component(mut self, name: &str, image: impl Into<Vec<u8>>) -> Self {
        self.components.insert(name.to_owned(), image.into());
        self
    }

    /// A bundle that brings its components and no system.
    #[must_use]
    pub fn components_only(mut self) -> Self {
        self.components_only = true;
        self
    }

    /// How the bundle is compressed.
    #[must_use]
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// What is announced about it.
    #[must_use]
    pub fn announcement(&self) -> &Announcement {
        &self.announcement
    }

    /// Name of its bundle: model and version, lower-case.
    #[must_use]
    pub fn file_name(&self) -> String {
        let model = self.announcement.compatible.first().map_or(MODEL, String::as_str);
        format!("{}-{}.raucb", model.to_lowercase(), self.announcement.version)
    }

    /// Makes the image and from it the bundle `out`. Blocks for seconds.
    ///
    /// # Errors
    /// [`ReleaseError`] when keys, tools or disk fail.
    pub fn write_bundle(&self, keys: &Keys, out: &Path) -> Result<Manifest, ReleaseError> {
        let parent = crate::atomic::parent_of(out);
        let work = work_directory(parent)?;
        let mut images = Vec::new();
        let source = |class: &str| ImageSource {
            slot_class: class.to_owned(),
            filename: format!("{class}.img"),
            path: work.path().join(format!("{class}.img")),
        };
        if !self.components_only {
            let root = source("rootfs");
            image::build(&self.image, &root.path)?;
            images.push(root);
        }
        for (name, content) in &self.components {
            let component = source(name);
            std::fs::write(&component.path, content)
                .map_err(|error| ReleaseError::Work { path: component.path.clone(), source: error })?;
            images.push(component);
        }
        Ok(bundle::make(&self.bundle_spec(images), keys, out)?)
    }

    /// Makes image and bundle and adds the bundle to the repository as [`add`] does, for the usual time.
    ///
    /// # Errors
    /// [`ReleaseError`] when keys, tools or disk fail, the bundle is refused, or the name or id is taken.
    pub async fn publish(&self, repository: &Repository) -> Result<Publication, ReleaseError> {
        let work = work_directory(repository.directory())?;
        let (bundle, _) = self.build(repository, work.path()).await?;
        add(repository, &bundle, &self.file_name(), self.announcement.clone(), &Expiry::usual()).await
    }

    /// As [`Release::publish`], but the bundle is not looked at: a publisher that made a mistake, or was taken over. For tests.
    ///
    /// # Errors
    /// [`ReleaseError`] when keys, tools or disk fail, or the name or id is taken.
    pub async fn publish_unchecked(&self, repository: &Repository) -> Result<Publication, ReleaseError> {
        let work = work_directory(repository.directory())?;
        let (bundle, manifest) = self.build(repository, work.path()).await?;
        let custom = self.announcement.to_custom()?;
        let target = repository.add(&bundle, &self.file_name(), custom, &Expiry::usual()).await?;
        Ok(Publication { target, manifest })
    }

    async fn build(&self, repository: &Repository, work: &Path) -> Result<(PathBuf, Manifest), ReleaseError> {
        let bundle = work.join(self.file_name());
        let keys = self.signer.clone().unwrap_or_else(|| repository.keys().clone());
        let (release, out) = (self.clone(), bundle.clone());
        let manifest = blocking(move || release.write_bundle(&keys, &out)).await?;
        Ok((bundle, manifest))
    }

    fn bundle_spec(&self, images: Vec<ImageSource>) -> BundleSpec {
        let announced = self.announcement.compatible.first();
        let kernel = BTreeMap::from([("kernel".to_owned(), self.image.kernel.clone())]);
        BundleSpec {
            compatible: self.bundle_compatible.as_ref().or(announced).cloned().unwrap_or_default(),
            version: self.announcement.version.clone(),
            description: Some(self.announcement.description.clone()),
            build: None,
            images,
            compression: self.compression,
            meta: BTreeMap::from([("gateway-ota".to_owned(), kernel)]),
        }
    }
}

/// Adds a bundle to the repository after it was verified with the publisher's own CA and compared with what is announced:
/// everything in a repository can be installed.
///
/// # Errors
/// [`ReleaseError`] when the bundle is refused or contradicts the announcement, or the repository cannot take it.
pub async fn add(
    repository: &Repository,
    bundle: &Path,
    name: &str,
    announcement: Announcement,
    expiry: &Expiry,
) -> Result<Publication, ReleaseError> {
    let custom = announcement.to_custom()?;
    let (path, keyring) = (bundle.to_owned(), repository.keys().keyring());
    let manifest = blocking(move || {
        let manifest = bundle::verify(&path, &keyring)?;
        announcement.check(&manifest)?;
        Ok::<_, ReleaseError>(manifest)
    })
    .await?;
    let target = repository.add(bundle, name, custom, expiry).await?;
    Ok(Publication { target, manifest })
}

fn work_directory(parent: &Path) -> Result<tempfile::TempDir, ReleaseError> {
    tempfile::Builder::new()
        .prefix(".release-")
        .tempdir_in(parent)
        .map_err(|source| ReleaseError::Work { path: parent.to_owned(), source })
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ReleaseError> + Send + 'static,
) -> Result<T, ReleaseError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(ReleaseError::Interrupted))
}
