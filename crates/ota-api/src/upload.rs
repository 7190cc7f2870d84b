//! Section 3: images that a person brings.

use ota_core::{SlotId, Strategy};
use serde::{Deserialize, Serialize};

/// `POST upload/verify`: an image that is complete, signed by somebody whom the gateway trusts, and kept for a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VerifiedImage {
    /// Always true; an image that is not is an error.
    pub verified: bool,
    pub file: ImageFile,
    pub metadata: ImageMetadata,
    pub compatibility: Compatibility,
    /// Addition: until when the gateway keeps it, UTC.
    pub kept_until: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ImageFile {
    /// A label: the name that the uploader gave, made safe to show.
    pub name: String,
    /// `950 MB`.
    pub size: String,
    pub size_bytes: u64,
    /// `sha256:` and 64 lower-case hexadecimal digits.
    pub checksum: String,
    /// The label of the upload form, else the signed version.
    pub version: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ImageMetadata {
    /// `unknown` where the signed manifest does not name it.
    pub kernel: String,
    /// `verified`.
    pub signature: String,
    /// Addition: subject of the certificate that signed it.
    pub signer: String,
    /// Addition: the version in the signed manifest. The gateway will run as this one, whatever the label says.
    pub signed_version: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Compatibility {
    /// `compatible` or `incompatible`.
    pub hardware: String,
    /// Addition: why it cannot be deployed here; null when it can.
    pub reason: Option<String>,
}

impl Compatibility {
    pub const COMPATIBLE: &str = "compatible";
    pub const INCOMPATIBLE: &str = "incompatible";
}

/// `GET upload` (an addition): the verified images, newest first, and the room for more.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Uploads {
    pub images: Vec<VerifiedImage>,
    /// Addition: uploads that wait for their rest.
    pub unfinished: Vec<UnfinishedUpload>,
    /// Longest image that can be taken now: by quota and free space.
    pub room_bytes: u64,
    pub room: String,
}

/// An upload that came in parts, and of which not all is there or which was not verified yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UnfinishedUpload {
    /// 32 lower-case hexadecimal digits.
    pub upload_id: String,
    /// A label, as that of an image.
    pub name: String,
    pub size_bytes: u64,
    /// Bytes from its start that were on the disk when its last part ended.
    pub received_bytes: u64,
    /// When it goes unless more of it comes, UTC.
    pub expires_at: String,
}

/// `POST upload/finish` (an addition): verifies an upload of which everything has come. Answers as `upload/verify`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct FinishRequest {
    #[cfg_attr(feature = "openapi", schema(pattern = "^[0-9a-f]{32}$"))]
    pub upload_id: String,
    /// A label; that of the upload's metadata where none is given.
    #[serde(default)]
    pub version: Option<String>,
}

/// `POST upload/deploy`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct DeployRequest {
    pub filename: String,
    /// The label or the signed version of the image, where given.
    #[serde(default)]
    pub version: Option<String>,
    /// Must be the inactive slot where given.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(pattern = "^[AB]$"))]
    pub target_partition: Option<String>,
    #[cfg_attr(feature = "openapi", schema(pattern = "^sha256:[0-9a-f]{64}$"))]
    pub checksum: String,
    /// Addition: restart into it as soon as the machine is still.
    #[serde(default)]
    pub reboot_after: bool,
    /// Addition: take a snapshot of the running system first.
    #[serde(default)]
    pub create_snapshot: bool,
    /// Addition: how the image reaches the system; that of the settings where none is given.
    #[serde(default)]
    pub strategy: Option<Strategy>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeployStarted {
    /// `MANUAL-DEPLOY-001`.
    pub job_id: String,
    /// `deploying`.
    pub status: String,
    pub image: DeployedImage,
    pub target_partition: SlotId,
    pub progress_url: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeployedImage {
    pub name: String,
    pub version: String,
}
