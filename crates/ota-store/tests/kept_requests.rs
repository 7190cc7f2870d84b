//! Requests that were made under a key.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends there")]

use jiff::{SignedDuration, Timestamp};
use ota_core::Role;
use ota_store::{Fingerprint, KeptAnswer, KeptRequest, NewSession, SqliteStore, TokenHash, User};

const ONE: TokenHash = [1; 32];
const OTHER: TokenHash = [2; 32];
const WHAT: Fingerprint = [7; 32];

fn hour(count: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_hours(count)
}

async fn with_sessions(directory: &std::path::Path) -> SqliteStore {
    let store = SqliteStore::open(directory.join("gateway.db")).await.unwrap();
    let user = User {
        name: "olga".into(),
        role: Role::Operator,
        password_hash: "$argon2id$secret".into(),
        created_at: hour(0),
    };
    store.add_user(&user).await.unwrap();
    let new =
        NewSession { user: "olga", created_at: hour(0), idle_expires_at: hour(100), expires_at: hour(100) };
    for session in [ONE, OTHER] {
        store.create_session(&session, new).await.unwrap();
    }
    store
}

fn begun(answer: Option<KeptAnswer>) -> Option<KeptRequest> {
    Some(KeptRequest { fingerprint: WHAT.to_vec(), answer })
}

#[tokio::test]
async fn a_request_is_kept_with_its_answer_until_it_is_forgotten() {
    let directory = tempfile::tempdir().unwrap();
    let store = with_sessions(directory.path()).await;
    let keep = async |session, key, at| store.keep_request(session, key, &WHAT, at).await.unwrap();
    assert_eq!(keep(&ONE, "k", hour(1)).await, None);
    assert_eq!(keep(&ONE, "k", hour(1)).await, begun(None));
    assert_eq!(keep(&OTHER, "k", hour(1)).await, None, "each session has its own");
    let answer = KeptAnswer {
        status: 200,
        location: Some("/here".to_owned()),
        entity_tag: None,
        body: b"{}".to_vec(),
    };
    store.keep_answer(&ONE, "k", &answer).await.unwrap();
    assert_eq!(keep(&ONE, "k", hour(2)).await, begun(Some(answer.clone())));
    assert_eq!(
        keep(&ONE, "k", hour(9000)).await,
        begun(Some(answer)),
        "a clock that is wrong after a power cut"
    );
    store.forget_request(&OTHER, "k").await.unwrap();
    assert_eq!(keep(&OTHER, "k", hour(2)).await, None);
    assert_eq!(keep(&ONE, "later", hour(26)).await, None);
    assert_eq!(keep(&ONE, "k", hour(26)).await, None, "a day has passed");
    // A clock that was a year ahead.
    assert_eq!(keep(&ONE, "ahead", hour(9000)).await, None);
    assert_eq!(keep(&ONE, "more", hour(27)).await, None);
    assert_eq!(keep(&ONE, "ahead", hour(27)).await, None);
    // With the session its keys go.
    assert!(store.delete_session(&ONE).await.unwrap());
    assert!(store.keep_request(&ONE, "k", &WHAT, hour(27)).await.is_err());
}

#[tokio::test]
async fn the_oldest_go_where_there_are_too_many() {
    let directory = tempfile::tempdir().unwrap();
    let store = with_sessions(directory.path()).await;
    let minute = |count| hour(1) + SignedDuration::from_mins(count);
    for count in 0..1003 {
        assert_eq!(store.keep_request(&ONE, &count.to_string(), &WHAT, minute(count)).await.unwrap(), None);
    }
    let last = minute(1003);
    assert!(store.keep_request(&ONE, "1002", &WHAT, last).await.unwrap().is_some());
    assert_eq!(store.keep_request(&ONE, "0", &WHAT, last).await.unwrap(), None, "it went");
}
