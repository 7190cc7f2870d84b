//! The envelope around every answer, and the error codes.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;

/// A success: `{data, success: true, message}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reply<T> {
    pub data: T,
    pub success: bool,
    /// A sentence for people.
    pub message: String,
    /// The header `ETag` of the answer. It is no part of the body.
    #[serde(skip)]
    pub entity_tag: Option<String>,
    /// The header `Location`: where to look what becomes of it. It is no part of the body.
    #[serde(skip)]
    pub location: Option<String>,
}

impl<T> Reply<T> {
    /// With the header `ETag`.
    #[must_use]
    pub fn tagged(self, entity_tag: String) -> Self {
        Self { entity_tag: Some(entity_tag), ..self }
    }

    /// With the header `Location`.
    #[must_use]
    pub fn followed_at(self, location: String) -> Self {
        Self { location: Some(location), ..self }
    }

    pub fn ok(data: T, message: impl Into<String>) -> Self {
        Self { data, success: true, message: message.into(), entity_tag: None, location: None }
    }
}

/// What a route answers.
pub type ApiResult<T> = Result<Reply<T>, ApiError>;

/// A failure: `{data: null, success: false, message, error: {code, details, request_id}}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    pub data: Option<()>,
    pub success: bool,
    /// A sentence for people: what happened and, where it helps, what to do.
    pub message: String,
    pub error: ErrorBody,
}

/// The machine's half of a failure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ErrorBody {
    pub code: ErrorCode,
    /// Depends on the code: the holder of the gate, the blocking constraints, the offending field.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub details: Option<Value>,
    /// Names the request in the gateway's log.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub request_id: Option<String>,
}

impl ApiError {
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        let error = ErrorBody { code, details: None, request_id: None };
        Self { data: None, success: false, message: message.into(), error }
    }

    #[must_use]
    pub fn with_details(mut self, details: Value) -> Self {
        self.error.details = Some(details);
        self
    }

    /// The HTTP status: the code's own, but for requests that were impossible from the start (see [`ApiError::conflict`])
    /// and for PINs that nobody may try now.
    #[must_use]
    pub fn status(&self) -> u16 {
        match (&self.error.details, self.error.code) {
            (
                Some(details),
                ErrorCode::OtaInstallFailed
                | ErrorCode::OtaRollbackFailed
                | ErrorCode::OtaRecoveryFailed
                | ErrorCode::IdempotencyConflict,
            ) if details.get("conflict").is_some() => 409,
            (Some(details), ErrorCode::OtaInvalidPin) if details.get("retry_after_seconds").is_some() => 429,
            (_, code) => code.status(),
        }
    }

    /// The request did not fit the state that things are in: 409.
    pub fn conflict(code: ErrorCode, message: impl Into<String>, state: &str) -> Self {
        Self::new(code, message).with_details(serde_json::json!({ "conflict": state }))
    }
}

/// Codes of the interface. The `Ota…` ones are the published ten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ErrorCode {
    OtaInvalidImage,
    OtaSignatureFailed,
    OtaInsufficientSpace,
    OtaUpdateBlocked,
    OtaDownloadFailed,
    OtaInstallFailed,
    OtaRollbackFailed,
    OtaRecoveryFailed,
    OtaInvalidPin,
    OtaOperationInProgress,
    BadRequest,
    Unauthorized,
    Forbidden,
    NotFound,
    GatewayIdRequired,
    GatewayNotFound,
    MethodNotAllowed,
    PreconditionFailed,
    UploadOffsetConflict,
    /// A key of `Idempotency-Key` that stands for something else, or for something whose answer is lost.
    IdempotencyConflict,
    PayloadTooLarge,
    UnsupportedMediaType,
    TooManyRequests,
    RequestTimeout,
    Internal,
}

impl ErrorCode {
    /// The HTTP status that goes with the code.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::BadRequest | Self::GatewayIdRequired => 400,
            Self::Unauthorized => 401,
            Self::Forbidden | Self::OtaInvalidPin => 403,
            Self::NotFound | Self::GatewayNotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::RequestTimeout => 408,
            Self::OtaOperationInProgress | Self::UploadOffsetConflict => 409,
            Self::PreconditionFailed => 412,
            Self::PayloadTooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::OtaInvalidImage | Self::OtaSignatureFailed | Self::IdempotencyConflict => 422,
            Self::OtaUpdateBlocked => 423,
            Self::TooManyRequests => 429,
            Self::OtaInstallFailed | Self::OtaRollbackFailed | Self::OtaRecoveryFailed | Self::Internal => {
                500
            }
            Self::OtaDownloadFailed => 502,
            Self::OtaInsufficientSpace => 507,
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

#[cfg(feature = "server-fn")]
mod server_fn_error {
    use super::{ApiError, ErrorCode};
    use server_fn::{
        codec::JsonEncoding,
        error::{FromServerFnError, ServerFnErrorErr},
    };

    impl FromServerFnError for ApiError {
        type Encoder = JsonEncoding;

        /// What fails before or after a function's body: arguments that cannot be read, or a lost connection.
        fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
            let (code, message) = match error {
                ServerFnErrorErr::Args(text)
                | ServerFnErrorErr::MissingArg(text)
                | ServerFnErrorErr::Deserialization(text) => (ErrorCode::BadRequest, text),
                ServerFnErrorErr::Request(_) => {
                    (ErrorCode::Internal, "The gateway cannot be reached.".to_owned())
                }
                _ => (ErrorCode::Internal, "The gateway could not answer this request.".to_owned()),
            };
            Self::new(code, message)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ApiError, ErrorCode, Reply};

    #[test]
    fn envelopes_have_the_documented_members() {
        let success = serde_json::to_value(Reply::ok(1, "done")).unwrap();
        assert_eq!(success, serde_json::json!({"data": 1, "success": true, "message": "done"}));
        let failure = serde_json::to_value(ApiError::new(ErrorCode::OtaInvalidPin, "wrong")).unwrap();
        assert_eq!(
            failure,
            serde_json::json!({"data": null, "success": false, "message": "wrong",
                "error": {"code": "OTA_INVALID_PIN", "details": null, "request_id": null}})
        );
    }

    #[test]
    fn an_impossible_installation_is_a_conflict_and_a_broken_one_is_not() {
        let code = ErrorCode::OtaInstallFailed;
        assert_eq!(ApiError::conflict(code, "not downloaded", "downloading").status(), 409);
        assert_eq!(ApiError::new(code, "the disk is gone").status(), 500);
        assert_eq!(code.to_string(), "OTA_INSTALL_FAILED");
    }
}
