//! The published interface, block by block: every body and message that it shows is read into its type, and comes out of it with
//! every member as it was shown.
//!
//! `spec/` has the blocks, letter by letter. What our types have beside them, and cannot do without, is in `additions/` under
//! the same name.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use ota_api::{
    Reply, Settings, SettingsPatch, debug, monitor, recovery, safety, settings, snapshot, status, updates,
    upload, ws,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::{collections::BTreeSet, path::Path};

/// Reads `spec/NAME` with its additions as a `T`, and compares what the `T` says with it.
type Check = fn(&str, &Value);

/// An answer, in its envelope.
fn response<T: Serialize + DeserializeOwned>(name: &str, block: &Value) {
    came_back::<Reply<T>>(name, block);
}

/// What a client sends. Nothing is added to it, and nothing else would be taken.
fn request<T: Serialize + DeserializeOwned>(name: &str, block: &Value) {
    assert!(additions(name).is_none(), "{name}: a client that knows the published interface sends no more");
    came_back::<T>(name, block);
    let mut misspelt = block.clone();
    misspelt["no_such_member"] = Value::Bool(true);
    let error = serde_json::from_value::<T>(misspelt).err().expect(name).to_string();
    assert!(error.contains("no_such_member"), "{name}: {error}");
}

/// A message of the gateway over the WebSocket.
fn message(name: &str, block: &Value) {
    came_back::<ws::ServerMessage>(name, block);
}

/// The first message of a client.
fn introduction(name: &str, block: &Value) {
    came_back::<ws::ClientMessage>(name, block);
}

const BLOCKS: [(&str, Check); 40] = [
    ("status.get.response", response::<status::Status>),
    ("snapshot.post.request", request::<snapshot::SnapshotRequest>),
    ("snapshot.post.response", response::<snapshot::SnapshotStarted>),
    ("debug-bundle.post.request", request::<debug::DebugBundleRequest>),
    ("debug-bundle.post.response", response::<debug::DebugBundleStarted>),
    ("updates.get.response", response::<updates::Updates>),
    ("check-updates.post.request", request::<updates::CheckRequest>),
    ("check-updates.post.response", response::<updates::CheckStarted>),
    ("auto-update.post.request", request::<settings::AutoUpdateRequest>),
    ("auto-update.post.response", response::<settings::AutoUpdateSwitched>),
    ("download.post.request", request::<updates::DownloadRequest>),
    ("download.post.response", response::<updates::DownloadStarted>),
    ("upload-verify.post.response", response::<upload::VerifiedImage>),
    ("upload-deploy.post.request", request::<upload::DeployRequest>),
    ("upload-deploy.post.response", response::<upload::DeployStarted>),
    ("settings.get.response", response::<Settings>),
    ("settings.post.request", request::<SettingsPatch>),
    ("settings.post.response", response::<settings::SettingsSaved>),
    ("recovery-rollback.post.request", request::<recovery::RollbackRequest>),
    ("recovery-rollback.post.response", response::<recovery::RollbackStarted>),
    ("recovery-restore.post.request", request::<recovery::RestoreRequest>),
    ("recovery-restore.post.response", response::<recovery::RestoreStarted>),
    ("recovery-factory.post.request", request::<recovery::FactoryRequest>),
    ("recovery-factory.post.response", response::<recovery::FactoryStarted>),
    ("recovery-upload.post.response", response::<recovery::RecoveryUploaded>),
    ("safety.get.response", response::<safety::Safety>),
    ("safety-override.post.request", request::<safety::OverrideRequest>),
    ("safety-override.post.response", response::<safety::OverrideState>),
    ("progress.get.response", response::<monitor::Progress>),
    ("install.post.request", request::<monitor::InstallRequest>),
    ("install.post.response", response::<monitor::InstallStarted>),
    ("logs.get.response", response::<monitor::Logs>),
    ("monitor.get.response", response::<monitor::Monitor>),
    ("cancel.post.request", request::<monitor::CancelRequest>),
    ("cancel.post.response", response::<monitor::Cancelled>),
    ("ws.auth.request", introduction),
    ("ws.update_progress.message", message),
    ("ws.system_status.message", message),
    ("ws.log_entry.message", message),
    ("ws.safety_update.message", message),
];

#[test]
fn every_published_block_is_read_and_said_unchanged() {
    for (name, check) in BLOCKS {
        check(name, &file("spec", name).expect(name));
    }
}

#[test]
fn every_file_is_one_of_the_blocks() {
    let known: BTreeSet<_> = BLOCKS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names("spec"), known);
    assert!(names("additions").is_subset(&known));
}

fn came_back<T: Serialize + DeserializeOwned>(name: &str, block: &Value) {
    let mut given = block.clone();
    if let Some(additions) = additions(name) {
        add(&mut given, &additions, name);
    }
    let read: T = serde_json::from_value(given.clone()).unwrap_or_else(|error| panic!("{name}: {error}"));
    is_shown(&given, &serde_json::to_value(read).unwrap(), name);
}

/// An addition is beside what is published, and never in its place.
fn add(block: &mut Value, addition: &Value, place: &str) {
    match (block, addition) {
        (Value::Object(block), Value::Object(addition)) => {
            for (key, value) in addition {
                match block.get_mut(key) {
                    None => drop(block.insert(key.clone(), value.clone())),
                    Some(there) => add(there, value, &format!("{place}, {key}")),
                }
            }
        }
        (Value::Array(block), Value::Array(addition)) => {
            assert_eq!(block.len(), addition.len(), "{place}");
            block.iter_mut().zip(addition).for_each(|(there, value)| add(there, value, place));
        }
        (block, addition) => panic!("{place}: {addition} is said where {block} is published"),
    }
}

/// Everything in `block` is in `said`, with the same value; `said` may have more members, but not more items of a list.
fn is_shown(block: &Value, said: &Value, place: &str) {
    match (block, said) {
        (Value::Object(block), Value::Object(said)) => {
            for (key, value) in block {
                let said = said.get(key).unwrap_or_else(|| panic!("{place}: {key} is missing"));
                is_shown(value, said, &format!("{place}, {key}"));
            }
        }
        (Value::Array(block), Value::Array(said)) => {
            assert_eq!(block.len(), said.len(), "{place}");
            block.iter().zip(said).for_each(|(block, said)| is_shown(block, said, place));
        }
        // 45 and 45.0 are the same number.
        (Value::Number(block), Value::Number(said)) => assert_eq!(block.as_f64(), said.as_f64(), "{place}"),
        (block, said) => assert_eq!(block, said, "{place}"),
    }
}

fn additions(name: &str) -> Option<Value> {
    file("additions", name)
}

fn file(directory: &str, name: &str) -> Option<Value> {
    let path = place(directory).join(format!("{name}.json"));
    let text = path.exists().then(|| std::fs::read_to_string(&path).unwrap())?;
    Some(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}")))
}

fn names(directory: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir(place(directory)).unwrap();
    entries.map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

fn place(directory: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(directory)
}
