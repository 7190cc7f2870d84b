//! Forms that puzzled the reader of forms once, through the real route.

#[path = "../fuzz/form.rs"]
mod form;
#[path = "../../../fuzz/replay.rs"]
mod replay;

use crate::support::{GATEWAY, Gateway};
use std::path::Path;

/// Seeds that were written by hand.
const SEEDS: usize = 12;

fn corpus() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpora/form")
}

#[test]
fn every_form_is_read_or_refused_and_every_name_becomes_a_label() {
    replay::replay(&corpus(), SEEDS, form::form);
}

#[tokio::test]
async fn every_form_is_answered_and_of_a_refused_one_nothing_is_left() {
    let gateway = Gateway::ready().await;
    let token = gateway.token("operator").await;
    for file in std::fs::read_dir(corpus()).unwrap() {
        let file = file.unwrap().path();
        let bytes = std::fs::read(&file).unwrap();
        let Some((_, body)) = bytes.split_first() else { continue };
        let call = gateway.post("/api/v1/ota/upload/verify").bearer(&token).gateway(GATEWAY);
        let kind = format!("multipart/form-data; boundary={}", form::BOUNDARY);
        let answer = call.raw(&kind, body.to_vec()).send().await;
        let (status, name) = (answer.status.as_u16(), file.display());
        assert!([200, 400, 422].contains(&status), "{name}: {answer:?}");
        let left = std::fs::read_dir(gateway.directory.path().join("uploads")).unwrap();
        let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
        assert!(!left.iter().any(|name| name.to_string_lossy().ends_with(".new")), "{name}: {left:?}");
    }
}
