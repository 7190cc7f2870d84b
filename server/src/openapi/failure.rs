//! Failures of the interface: their envelope, and what each code means.

use super::route::Component;
use ota_api::{ApiError, ErrorBody, ErrorCode};
use serde_json::{Map, Value, json};
use utoipa::{PartialSchema, ToSchema};

/// Why a route may refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    Code(ErrorCode),
    /// The request did not fit the state that things are in.
    Conflict(ErrorCode),
    /// Nobody may try the PIN now.
    Locked,
}

/// The envelope of every failure.
fn envelope() -> Component {
    let value = json!({
        "type": "object",
        "required": ["data", "success", "message", "error"],
        "properties": {
            "data": { "type": "null" },
            "success": { "type": "boolean", "const": false },
            "message": { "type": "string", "description": "What happened and, where it helps, what to do." },
            "error": { "$ref": "#/components/schemas/ErrorBody" }
        }
    });
    Component { kind: "schemas", name: "Failure".to_owned(), value }
}

/// The schemas that the envelope is made of.
pub(super) fn schemas() -> Vec<(String, utoipa::openapi::RefOr<utoipa::openapi::Schema>)> {
    let mut schemas = vec![(ErrorBody::name().into_owned(), ErrorBody::schema())];
    ErrorBody::schemas(&mut schemas);
    schemas
}

/// What these failures mean.
pub(super) fn description(failures: &[Failure]) -> String {
    let about = |failure: &Failure| {
        let ApiError { message, error, .. } = failure.example();
        format!("`{}`: {message}", error.code)
    };
    failures.iter().map(about).collect::<Vec<_>>().join("\n\n")
}

/// The answer that stands for these failures, which all have this status, and what it is made of.
pub(super) fn response(status: u16, failures: &[Failure]) -> (Value, Vec<Component>) {
    let codes: Vec<_> = failures.iter().map(|failure| failure.example().error.code).collect();
    let example = |failure: &Failure| Component {
        kind: "examples",
        name: failure.name(),
        value: json!({ "value": failure.example() }),
    };
    let mut components: Vec<_> = failures.iter().map(example).collect();
    let envelope = envelope();
    let mut value = json!({
        "description": description(failures),
        "content": { "application/json": {
            "schema": { "allOf": [
                envelope.reference(),
                { "properties": { "error": { "properties": { "code": { "enum": codes } } } } }
            ] },
            "examples": components.iter().map(|one| (one.name.clone(), one.reference())).collect::<Map<_, _>>()
        } }
    });
    if failures.iter().any(|failure| failure.is_temporary()) {
        value["headers"] = json!({ "Retry-After": {
            "description": "Seconds, where it is known when another try is worth it.",
            "schema": { "type": "integer", "minimum": 0 }
        } });
    }
    let names = failures.iter().map(|failure| failure.name());
    let name = std::iter::once(status.to_string()).chain(names).collect::<Vec<_>>().join(".");
    let response = Component { kind: "responses", name, value };
    let reference = response.reference();
    components.extend([envelope, response]);
    (reference, components)
}

impl Failure {
    /// The HTTP status.
    pub(super) fn status(self) -> u16 {
        self.example().status()
    }

    /// Of its example; the code alone where that says all.
    pub(super) fn name(self) -> String {
        match self {
            Self::Code(code) => code.to_string(),
            Self::Conflict(code) => format!("{code}_CONFLICT"),
            Self::Locked => format!("{}_LOCKED", ErrorCode::OtaInvalidPin),
        }
    }

    fn is_temporary(self) -> bool {
        self == Self::Locked
            || matches!(self, Self::Code(ErrorCode::TooManyRequests | ErrorCode::OtaOperationInProgress))
    }

    /// What such a failure looks like. Its sentence says what the code means.
    fn example(self) -> ApiError {
        let mut error = match self {
            Self::Code(code) => {
                let error = ApiError::new(code, meaning(code));
                match details(code) {
                    Value::Null => error,
                    details => error.with_details(details),
                }
            }
            Self::Conflict(code) => ApiError::conflict(code, conflict(code), state(code)),
            Self::Locked => {
                let message = "The PIN is locked after wrong ones.";
                let details = json!({ "retry_after_seconds": 60 });
                ApiError::new(ErrorCode::OtaInvalidPin, message).with_details(details)
            }
        };
        error.error.request_id = Some("46b971f2b7aa75b0".to_owned());
        error
    }
}

const fn meaning(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::OtaInvalidImage => "The image cannot be used, or not on this gateway.",
        ErrorCode::OtaSignatureFailed => "Nobody whom this gateway trusts has signed the image.",
        ErrorCode::OtaInsufficientSpace => "There is no room for it on the disk.",
        ErrorCode::OtaUpdateBlocked => "Blocked by safety constraints.",
        ErrorCode::OtaDownloadFailed => "The repository cannot be used.",
        ErrorCode::OtaInstallFailed => "A slot, the boot environment or the installation failed.",
        ErrorCode::OtaRollbackFailed => "The other slot turned out not to be what was installed.",
        ErrorCode::OtaRecoveryFailed => "What is kept to go back to cannot be read or written.",
        ErrorCode::OtaInvalidPin => "The PIN is wrong, or none is set.",
        ErrorCode::OtaOperationInProgress => {
            "Another operation is in progress, or the gateway starts or ends."
        }
        ErrorCode::BadRequest => "The request cannot be carried out as it is; the message names the field.",
        ErrorCode::Unauthorized => "The session is missing, wrong or has ended.",
        ErrorCode::Forbidden => {
            "The role is too small for this, or the request came from a page of another site."
        }
        ErrorCode::NotFound => "What the request names does not exist here.",
        ErrorCode::GatewayIdRequired => "The header X-Gateway-ID is missing.",
        ErrorCode::GatewayNotFound => "The request was meant for another gateway.",
        ErrorCode::MethodNotAllowed => "The address does not know that method.",
        ErrorCode::PreconditionFailed => {
            "What the request is based on is not so any more, or it speaks another protocol."
        }
        ErrorCode::IdempotencyConflict => "The Idempotency-Key was used for another request.",
        ErrorCode::UploadOffsetConflict => {
            "The part does not begin where the upload ends, or something is missing."
        }
        ErrorCode::PayloadTooLarge => "The body, or the image, is too long.",
        ErrorCode::UnsupportedMediaType => "The body is not of the type that is needed here.",
        ErrorCode::TooManyRequests => "Too many for now.",
        ErrorCode::RequestTimeout => {
            "The gateway did not finish in time, or the sender was silent for too long."
        }
        ErrorCode::Internal => "The gateway could not answer; its log has more under the request's id.",
    }
}

/// The details of an example.
fn details(code: ErrorCode) -> Value {
    match code {
        ErrorCode::OtaUpdateBlocked => json!({ "blocking": [{
            "constraint": "crane_motion", "enabled": true, "status": "moving", "blocking": true, "state": "blocking",
            "reason": "The crane reports “moving”; it must report “idle”.", "source": "MQTT plant-broker, topic plant/crane",
            "age_seconds": 0, "estimated_clear": "00:01:30", "overridden": false
        }] }),
        ErrorCode::OtaOperationInProgress => json!({ "job_id": "OTA-JOB-8821X", "state": "downloading" }),
        ErrorCode::UploadOffsetConflict => json!({ "offset": 1_048_576, "length": 33_977_765 }),
        ErrorCode::TooManyRequests => json!({ "retry_after_seconds": 30 }),
        _ => Value::Null,
    }
}

const fn conflict(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::OtaInstallFailed => "The job is not in a state for that.",
        ErrorCode::OtaRollbackFailed => "There is no system in the other slot that can be gone back to.",
        ErrorCode::OtaRecoveryFailed => "What is asked for cannot be restored or kept as things are.",
        ErrorCode::IdempotencyConflict => "The request was begun before, and its answer is lost.",
        code => meaning(code),
    }
}

const fn state(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::OtaInstallFailed => "downloading",
        ErrorCode::OtaRollbackFailed => "bad",
        ErrorCode::IdempotencyConflict => "answer_lost",
        _ => "damaged",
    }
}
