//! `docs/api.md` lists what there is.

use crate::support::GATEWAY;
use ota_core::{AuditAction, JobKind};
use serde_json::Value;
use std::collections::BTreeSet;

const MANUAL: &str = include_str!("../../../docs/api.md");

/// The text under a heading.
fn section(heading: &str) -> &'static str {
    let begin = MANUAL.find(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("there is no {heading}"));
    let text = &MANUAL[begin + heading.len() + 2..];
    &text[..text.find("\n##").unwrap_or(text.len())]
}

/// Code and status of each failure.
type Codes = BTreeSet<(String, String)>;

fn collect(value: &Value, found: &mut Codes) {
    match value {
        Value::Object(members) => {
            if let Ok(error) = serde_json::from_value::<ota_api::ApiError>(value.clone()) {
                found.insert((error.error.code.to_string(), error.status().to_string()));
            }
            members.values().for_each(|value| collect(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        _ => {}
    }
}

#[test]
fn the_codes_are_those_of_the_document_of_the_interface() {
    let mut documented = Codes::new();
    collect(&server::openapi::document(GATEWAY), &mut documented);
    let mut listed = Codes::new();
    for row in section("## Codes").lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let codes = cells[1].split(", ").map(|code| code.trim_matches('`').to_owned());
        listed.extend(codes.map(|code| (code, cells[2].to_owned())));
    }
    // A method that an address does not know is no operation.
    documented.insert(("METHOD_NOT_ALLOWED".to_owned(), "405".to_owned()));
    assert_eq!(listed, documented);
}

#[test]
fn the_kinds_of_jobs_and_the_audited_actions_are_all_there() {
    let kinds = JobKind::ALL.map(JobKind::as_str);
    let actions = AuditAction::ALL.map(AuditAction::as_str);
    for (heading, names) in [("### GET progress", &kinds[..]), ("### GET audit (addition)", &actions[..])] {
        for name in names {
            assert!(section(heading).contains(&format!("`{name}`")), "{heading}: {name}");
        }
    }
}
