//! `docs/asyncapi.yaml` says what the messages of the live feed are: each member of each message, with its type, and nothing else.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use ota_api::{
    CheckKind, CheckState, ConstraintState, ErrorCode, SlotId, Strategy,
    monitor::{ComponentProgress, HealthCheck, LogLine, Outcome, Progress, ProgressFigures, UpdateName},
    safety::Constraint,
    ws::{ClientMessage, FeedMessage, LiveResources, ServerMessage, SystemStatus, Topic, UpdateProgress},
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

fn document() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/asyncapi.yaml");
    serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// What a reference leads to.
fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(path) => {
            let found = document.pointer(path.strip_prefix('#').unwrap());
            resolved(document, found.unwrap_or_else(|| panic!("{path} leads nowhere")))
        }
        None => schema,
    }
}

fn words(value: &Value) -> BTreeSet<&str> {
    value.as_array().into_iter().flatten().map(|word| word.as_str().unwrap()).collect()
}

/// How much of a message is there.
#[derive(Clone, Copy, PartialEq)]
enum Sample {
    /// Every member.
    Full,
    /// Only those that always are.
    Sparse,
}

fn check(document: &Value, schema: &Value, value: &Value, sample: Sample, place: &str) {
    let schema = resolved(document, schema);
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let kinds = schema["type"].as_str().map_or_else(|| words(&schema["type"]), |kind| [kind].into());
    assert!(kinds.contains(kind), "{place} is {kind}, not {kinds:?}");
    if let (Some(word), Some(_)) = (value.as_str(), schema.get("enum")) {
        assert!(words(&schema["enum"]).contains(word), "{place} may not be {word}");
    }
    if let Some(only) = schema.get("const") {
        assert_eq!(value, only, "{place}");
    }
    match value {
        Value::Object(members) => {
            let there: BTreeSet<_> = members.keys().map(String::as_str).collect();
            let described: BTreeSet<_> =
                schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
            let required = words(&schema["required"]);
            assert!(required.is_subset(&described), "{place}");
            assert_eq!(there, if sample == Sample::Full { described } else { required }, "{place}");
            for (name, member) in members {
                check(document, &schema["properties"][name], member, sample, &format!("{place}.{name}"));
            }
        }
        Value::Array(items) => {
            assert!(sample == Sample::Sparse || !items.is_empty(), "{place} shows nothing");
            for item in items {
                check(document, &schema["items"], item, sample, &format!("{place}[]"));
            }
        }
        _ => {}
    }
}

fn job(sample: Sample) -> Progress {
    let text = || "text".to_owned();
    let full = sample == Sample::Full;
    let maybe = || full.then(text);
    let figures = ProgressFigures {
        percentage: 65.5,
        overall_percentage: 32.5,
        current_operation: text(),
        speed: text(),
        speed_bytes_per_second: 1,
        downloaded: text(),
        downloaded_bytes: 1,
        total: text(),
        total_bytes: 2,
        eta: maybe(),
        eta_seconds: full.then_some(3),
    };
    let check = HealthCheck {
        name: text(),
        kind: CheckKind::Systemd,
        required: true,
        state: CheckState::Waiting,
        reason: maybe(),
        seconds_left: full.then_some(3),
    };
    let component = json!({ "name": "crane-app", "from_version": maybe(), "state": "put_back" });
    Progress {
        status: text(),
        job_id: text(),
        kind: text(),
        progress: figures,
        update: UpdateName { id: text(), version: text() },
        elapsed_time: text(),
        elapsed_seconds: 4,
        target_partition: SlotId::B,
        from_version: text(),
        reboot_after: full.then_some(true),
        strategy: full.then_some(Strategy::InPlace),
        armed: false,
        can_cancel: true,
        cancel_refused: maybe(),
        waiting_for: maybe().into_iter().collect(),
        held_before: maybe(),
        trial_seconds_left: full.then_some(5),
        back_to: maybe(),
        checks: vec![check],
        components: vec![serde_json::from_value::<ComponentProgress>(component).unwrap()],
        snapshot_id: maybe(),
        outcome: full.then(|| Outcome { code: Some(ErrorCode::OtaInstallFailed), message: text() }),
        started_at: text(),
        ended_at: maybe(),
    }
}

/// Every message that the gateway sends, with all members or only those that always are there.
fn samples(sample: Sample) -> Vec<ServerMessage> {
    let text = || "text".to_owned();
    let full = sample == Sample::Full;
    let constraint = Constraint {
        enabled: true,
        status: text(),
        level: full.then_some(85.0),
        blocking: false,
        state: ConstraintState::Unknown,
        reason: text(),
        source: text(),
        age_seconds: 1,
        threshold: full.then_some(30.0),
        estimated_clear: full.then(text),
        overridden: false,
    };
    vec![
        ServerMessage::UpdateProgress(UpdateProgress {
            job_id: text(),
            status: text(),
            progress: 65.5,
            current_operation: text(),
            speed: text(),
            eta: full.then(text),
            timestamp: text(),
            job: full.then(|| job(sample)),
        }),
        ServerMessage::SystemStatus(SystemStatus {
            status: text(),
            current_operation: text(),
            progress: 45.0,
            resources: LiveResources { cpu_usage: 68.5, memory_usage: 75.2 },
            timestamp: text(),
        }),
        ServerMessage::LogEntry(LogLine {
            timestamp: text(),
            level: "warning".to_owned(),
            source: text(),
            message: text(),
            id: full.then_some(6),
        }),
        ServerMessage::SafetyUpdate {
            constraint: text(),
            status: text(),
            blocking: true,
            estimated_clear: full.then(text),
            current: full.then_some(constraint),
        },
        ServerMessage::Changed { what: Topic::Outlook },
        ServerMessage::Resync { after: full.then_some(7) },
    ]
}

/// By type, as they are sent.
fn sent(sample: Sample) -> BTreeMap<String, Value> {
    let messages = samples(sample).into_iter().zip(1..);
    messages
        .map(|(message, seq)| {
            let kind = message.kind().to_owned();
            (kind, serde_json::to_value(FeedMessage { message, seq }).unwrap())
        })
        .collect()
}

#[test]
fn the_document_describes_every_member_of_every_message_and_nothing_else() {
    let document = document();
    let messages = document["components"]["messages"].as_object().unwrap();
    let described: BTreeSet<_> = messages.keys().filter(|kind| *kind != "auth").cloned().collect();
    assert_eq!(sent(Sample::Full).into_keys().collect::<BTreeSet<_>>(), described);
    for sample in [Sample::Full, Sample::Sparse] {
        for (kind, message) in sent(sample) {
            assert_eq!(message["type"], kind);
            check(&document, &messages[&kind]["payload"], &message, sample, &kind);
        }
    }
    let auth = serde_json::to_value(ClientMessage::Auth { token: "0".repeat(64) }).unwrap();
    check(&document, &messages["auth"]["payload"], &auth, Sample::Full, "auth");
}

#[test]
fn both_channels_carry_all_messages_and_every_schema_is_used() {
    let document = document();
    let text = document.to_string();
    for kind in document["components"]["messages"].as_object().unwrap().keys() {
        for (channel, carried) in [("ws", true), ("events", kind != "auth")] {
            let message = &document["channels"][channel]["messages"][kind];
            assert_eq!(message.is_object(), carried, "{channel} {kind}");
            let named = format!("{{\"$ref\":\"#/channels/{channel}/messages/{kind}\"}}");
            assert_eq!(text.contains(&named), carried, "an operation of {channel} with {kind}");
        }
    }
    for schema in document["components"]["schemas"].as_object().unwrap().keys() {
        assert!(text.contains(&format!("#/components/schemas/{schema}\"")), "{schema}");
    }
    for (channel, path) in [("ws", ota_api::routes::WEB_SOCKET), ("events", ota_api::routes::EVENTS)] {
        assert_eq!(document["channels"][channel]["address"], path);
    }
}

#[test]
fn every_topic_is_described() {
    let topics = [
        Topic::Status,
        Topic::Updates,
        Topic::Settings,
        Topic::Outlook,
        Topic::Safety,
        Topic::Recovery,
        Topic::Uploads,
        Topic::Debug,
    ];
    let names: Vec<_> = topics.iter().map(|topic| serde_json::to_value(topic).unwrap()).collect();
    let document = document();
    let schema = &document["components"]["messages"]["changed"]["payload"]["properties"]["what"];
    assert_eq!(schema["enum"], json!(names));
}

#[test]
fn what_is_sent_is_read_as_it_was() {
    for (message, seq) in samples(Sample::Full).into_iter().chain(samples(Sample::Sparse)).zip(1..) {
        let message = FeedMessage { message, seq };
        let text = serde_json::to_string(&message).unwrap();
        assert_eq!(serde_json::from_str::<FeedMessage>(&text).unwrap(), message);
    }
}
