//! The session of `docs/api.md`, run as it is written there.

use crate::script::{Demo, free_port};
use rustix::process::Signal;
use serde_json::Value;
use std::fmt::Write;
use std::path::Path;
use tokio::process::Command;

/// A line that is typed, and what the document shows of its answer.
struct Step<'a> {
    line: &'a str,
    shown: Vec<&'a str>,
}

/// The one block of the document whose lines begin with a prompt.
fn steps(document: &str) -> Vec<Step<'_>> {
    let (_, block) = document.split_once("```console\n").expect("the document has a session");
    let (block, _) = block.split_once("\n```").unwrap();
    let mut steps: Vec<Step<'_>> = Vec::new();
    for text in block.lines().filter(|line| !line.is_empty()) {
        match text.strip_prefix("$ ") {
            Some(line) => steps.push(Step { line, shown: Vec::new() }),
            None => steps.last_mut().expect("a command comes first").shown.push(text),
        }
    }
    steps
}

/// All lines in one shell, which ends with the first one that fails. What each prints goes into a file of its own.
fn script(steps: &[Step<'_>]) -> String {
    let mut script = "set -euo pipefail\n".to_owned();
    for (number, step) in steps.iter().enumerate() {
        let line = step.line;
        writeln!(script, "echo {number} > step\n{{ {line}\n}} > answer.{number}").unwrap();
    }
    script
}

/// Everything that the document shows is there, and of the same kind. Sentences and codes are the same, but for what is left out as `…`.
fn compare(shown: &Value, answer: &Value, place: &str) {
    match (shown, answer) {
        (Value::Object(shown), Value::Object(answer)) => {
            for (name, shown) in shown {
                let place = format!("{place}.{name}");
                let answer = answer.get(name).unwrap_or_else(|| panic!("{place} is missing"));
                compare(shown, answer, &place);
                if ["success", "message", "code"].contains(&name.as_str()) && shown != "…" {
                    assert_eq!(answer, shown, "{place}");
                }
            }
        }
        (Value::Array(shown), Value::Array(answer)) => {
            assert_eq!(shown.is_empty(), answer.is_empty(), "{place}");
            for (answer, shown) in answer.iter().zip(shown.iter().cycle()) {
                compare(shown, answer, place);
            }
        }
        (shown, answer) => {
            let same = std::mem::discriminant(shown) == std::mem::discriminant(answer);
            assert!(same, "{place} is {answer}, and the document shows {shown}");
        }
    }
}

#[tokio::test]
async fn the_session_of_the_document_goes_the_whole_way() {
    let document = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/api.md");
    let document = std::fs::read_to_string(document).unwrap();
    let steps = steps(&document);
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("demo");
    let still_at_once = [("SAFETY__CLEAR_FOR_SECONDS", "0")];
    let mut demo = Demo::start_with(&data, free_port(), free_port(), &still_at_once);
    demo.wait_until_ready(&data).await;

    let work = tempfile::tempdir().unwrap();
    let run = Command::new("bash")
        .args(["-c", &script(&steps)])
        .current_dir(work.path())
        .env("B", format!("http://{}", demo.gateway))
        .env("P", format!("http://{}", demo.plant))
        .env("D", &data)
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(std::time::Duration::from_secs(300), run).await;
    let text = |name: &str| std::fs::read_to_string(work.path().join(name)).unwrap_or_default();
    let last = || {
        let number: usize = text("step").trim().parse().unwrap_or_default();
        let line = steps.get(number).map_or("", |step| step.line);
        format!("{line}\n{}\n{}", text(&format!("answer.{number}")), log(&data))
    };
    let output = output.unwrap_or_else(|_| panic!("it takes too long: {}", last())).unwrap();
    assert!(output.status.success(), "{}\n{}", last(), String::from_utf8_lossy(&output.stderr));

    for (number, step) in steps.iter().enumerate() {
        let answer = text(&format!("answer.{number}"));
        match step.shown.as_slice() {
            [] => {}
            [shown] if shown.starts_with('{') => {
                let shown: Value =
                    serde_json::from_str(shown).unwrap_or_else(|error| panic!("{error}: {shown}"));
                let answer = serde_json::from_str(&answer);
                let answer: Value = answer.unwrap_or_else(|error| panic!("{}: {error}", step.line));
                compare(&shown, &answer, step.line);
            }
            shown => assert_eq!(answer.lines().collect::<Vec<_>>(), shown, "{}", step.line),
        }
    }
    demo.end(Signal::TERM).await;
}

fn log(data: &Path) -> String {
    std::fs::read_to_string(data.with_extension("log")).unwrap_or_default()
}
