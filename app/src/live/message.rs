//! Reading a message of the WebSocket.

use ota_api::{
    monitor::LogLine,
    safety::Constraint,
    ws::{ServerMessage, SystemStatus, Topic, UpdateProgress},
};
use serde::{Deserialize, de::DeserializeOwned};

use crate::json;

/// The members that every message has.
#[derive(Deserialize)]
struct Head {
    #[serde(rename = "type")]
    kind: String,
    seq: u64,
}

#[derive(Deserialize)]
struct Changed {
    what: Topic,
}

/// A constraint and how it stands.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Assessed {
    pub constraint: String,
    pub current: Option<Constraint>,
}

/// What the page hears.
#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
    Progress(Box<UpdateProgress>),
    System(SystemStatus),
    Log(LogLine),
    /// What has become of a constraint.
    Safety(Box<Assessed>),
    Changed(Topic),
    /// Something was missed.
    Resync,
    /// What this page does not know.
    Nothing,
}

/// Reads a [`ServerMessage`] and its number; `None` for what is none. A newer gateway is no reason to stop listening: of what this page
/// does not know only the number counts.
///
/// The kind is read first and then the rest as what it is. The tagged enum itself would be read through a buffer of
/// untyped values, which costs the browser a second copy of every reader.
#[must_use]
pub fn read(text: &[u8]) -> Option<(u64, Heard)> {
    fn part<T: DeserializeOwned>(text: &[u8]) -> Option<T> {
        json::read(text).ok()
    }
    let Head { kind, seq } = part(text)?;
    let heard = match kind.as_str() {
        "update_progress" => part(text).map(|update| Heard::Progress(Box::new(update))),
        "system_status" => part(text).map(Heard::System),
        "log_entry" => part(text).map(Heard::Log),
        "safety_update" => part(text).map(|assessed| Heard::Safety(Box::new(assessed))),
        // A part that this page does not show.
        "changed" => part(text).map(|Changed { what }| Heard::Changed(what)).or(Some(Heard::Nothing)),
        "resync" => Some(Heard::Resync),
        _ => Some(Heard::Nothing),
    };
    // What this page should know and cannot read is missed.
    Some((seq, heard.unwrap_or(Heard::Resync)))
}

/// More events than one run ever has.
const EVENTS_OF_A_RUN: u64 = 1 << 32;

/// Whether a service that numbers an event `seq` has started since the event `heard`: each run begins its numbers somewhere in 52 bits.
#[must_use]
pub(super) const fn is_of_another_run(heard: u64, seq: u64) -> bool {
    seq.wrapping_sub(heard) >= EVENTS_OF_A_RUN
}

impl From<ServerMessage> for Heard {
    fn from(message: ServerMessage) -> Self {
        match message {
            ServerMessage::UpdateProgress(update) => Self::Progress(Box::new(update)),
            ServerMessage::SystemStatus(status) => Self::System(status),
            ServerMessage::LogEntry(line) => Self::Log(line),
            ServerMessage::SafetyUpdate { constraint, current, .. } => {
                Self::Safety(Box::new(Assessed { constraint, current }))
            }
            ServerMessage::Changed { what } => Self::Changed(what),
            ServerMessage::Resync { .. } => Self::Resync,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Heard, is_of_another_run, read};
    use ota_api::ws::{FeedMessage, LiveResources, ServerMessage, SystemStatus, Topic};
    use ota_api::{ConstraintState, monitor::LogLine, safety::Constraint};

    #[test]
    fn the_numbers_tell_a_service_that_has_started_from_one_that_was_not_heard_for_a_while() {
        assert!(!is_of_another_run(7, 7));
        assert!(!is_of_another_run(7, 1_000_007));
        assert!(is_of_another_run(7, 1 << 51));
        assert!(is_of_another_run(1 << 51, 7));
        assert!(is_of_another_run(8, 7));
    }

    #[test]
    fn every_kind_of_message_is_read_as_it_was_sent() {
        let resources = LiveResources { cpu_usage: 68.5, memory_usage: 75.2 };
        let status = SystemStatus {
            status: "installing".into(),
            current_operation: "flashing_partition_b".into(),
            progress: 45.0,
            resources,
            timestamp: "2025-03-15T11:57:00Z".into(),
        };
        let messages = [
            ServerMessage::SystemStatus(status),
            ServerMessage::LogEntry(LogLine {
                timestamp: "2025-03-15T11:58:00Z".into(),
                level: "info".into(),
                source: "ota".into(),
                message: "Update installation completed".into(),
                id: Some(7),
            }),
            ServerMessage::SafetyUpdate {
                constraint: "crane_motion".into(),
                status: "moving".into(),
                blocking: true,
                estimated_clear: None,
                current: Some(Constraint {
                    enabled: true,
                    status: "moving".into(),
                    level: None,
                    blocking: true,
                    state: ConstraintState::Blocking,
                    reason: "The crane moves.".into(),
                    source: "plant".into(),
                    age_seconds: 1,
                    threshold: None,
                    estimated_clear: None,
                    overridden: false,
                }),
            },
            ServerMessage::Changed { what: Topic::Recovery },
            ServerMessage::Resync { after: None },
        ];
        for (message, seq) in messages.into_iter().zip(1..) {
            let sent = serde_json::to_vec(&FeedMessage { message: message.clone(), seq }).unwrap();
            assert_eq!(read(&sent), Some((seq, Heard::from(message))));
        }
    }

    #[test]
    fn what_is_no_message_is_passed_over_and_what_cannot_be_read_is_missed() {
        for text in ["", "{", "[]", r#"{"type":"new"}"#, r#"{"type":7,"seq":1}"#] {
            assert_eq!(read(text.as_bytes()), None, "{text}");
        }
        for text in [r#"{"type":"new","seq":7}"#, r#"{"type":"changed","what":"moon","seq":7}"#] {
            assert_eq!(read(text.as_bytes()), Some((7, Heard::Nothing)), "{text}");
        }
        let broken = r#"{"type":"log_entry","seq":7,"message":3}"#;
        assert_eq!(read(broken.as_bytes()), Some((7, Heard::Resync)));
    }
}
