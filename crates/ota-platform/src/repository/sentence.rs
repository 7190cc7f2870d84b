//! What went wrong, for the operator and for the log.

use super::transport::Trouble;
use crate::causes::causes;
use ota_engine::ports::RepositoryError;
use std::error::Error as StdError;
use std::time::Duration;
use tough::TransportErrorKind;
use tough::error::Error;

const DAMAGED: &str = "is damaged or incomplete. If this lasts, tell its publisher.";

/// Turns a failed check into the operator's sentence and the log's detail.
pub(super) fn explain(location: &str, error: &Error) -> RepositoryError {
    let predicate = match error {
        Error::Transport { source, .. } => transport(source),
        Error::ExpiredMetadata { role, .. } => {
            format!(
                "cannot be trusted any more: its {role} metadata has expired. Its publisher has to renew it; if others \
                 still accept it, check this gateway's clock."
            )
        }
        Error::OlderMetadata { .. }
        | Error::OlderSnapshotInTimestamp { .. }
        | Error::SnapshotRoleMissing { .. }
        | Error::SnapshotRoleRollback { .. } => {
            "offers older metadata than this gateway has seen before, and was not used. An old copy is served, or \
             somebody replays one."
                .to_owned()
        }
        Error::VerifyMetadata { .. } | Error::VerifyRoleMetadata { .. } => {
            "is not signed by the keys that this gateway trusts, and was not used.".to_owned()
        }
        Error::ParseTrustedMetadata { .. } | Error::VerifyTrustedMetadata { .. } => {
            "cannot be checked: the trusted root on this gateway is not valid. Install it again.".to_owned()
        }
        Error::SystemTimeSteppedBackward { .. } => {
            "cannot be checked: this gateway's clock went back since the last check. Set the clock.".to_owned()
        }
        Error::DatastoreInit { .. }
        | Error::DatastoreCreate { .. }
        | Error::DatastoreOpen { .. }
        | Error::DatastoreRemove { .. }
        | Error::DatastoreSerialize { .. } => {
            "cannot be checked: what is known about it cannot be read or stored. Check the gateway's disk.".to_owned()
        }
        _ => DAMAGED.to_owned(),
    };
    RepositoryError { message: format!("The repository at {location} {predicate}"), detail: causes(error) }
}

/// The check took longer than it may.
pub(super) fn too_slow(location: &str, limit: Duration) -> RepositoryError {
    let seconds = limit.as_secs();
    RepositoryError {
        message: format!(
            "The repository at {location} did not answer completely within {seconds} seconds. Check the network connection."
        ),
        detail: format!("no result after {seconds} s"),
    }
}

fn transport(error: &tough::TransportError) -> String {
    let mut next: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(cause) = next {
        if let Some(trouble) = cause.downcast_ref::<Trouble>() {
            return answer(trouble);
        }
        // The verifier's own objection: a wrong hash, or more bytes than were promised.
        if cause.is::<Error>() {
            return DAMAGED.to_owned();
        }
        next = cause.source();
    }
    match error.kind() {
        TransportErrorKind::UnsupportedUrlScheme => {
            "has an address of an unsupported kind: http, https and file are possible.".to_owned()
        }
        TransportErrorKind::FileNotFound => {
            "has no metadata there. Check its address in the configuration.".to_owned()
        }
        _ => "cannot be read.".to_owned(),
    }
}

fn answer(trouble: &Trouble) -> String {
    match trouble {
        Trouble::Unreachable(_) => {
            "cannot be reached. Check the network connection and the address in the configuration.".to_owned()
        }
        Trouble::Status(status) if status.is_server_error() => {
            format!("has a problem of its own (status {}). Try again later.", status.as_u16())
        }
        Trouble::Status(status) => {
            format!(
                "does not give out its metadata (status {}). Check its address in the configuration.",
                status.as_u16()
            )
        }
        Trouble::BrokenOff(_) => {
            "stopped in the middle of its answer. Check the network connection.".to_owned()
        }
        Trouble::TooLong => DAMAGED.to_owned(),
    }
}
