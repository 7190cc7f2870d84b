//! Accounts and sessions.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use jiff::{SignedDuration, Timestamp};
use ota_core::Role;
use ota_store::{AccountError, NewSession, SqliteStore, TokenHash, User};
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;

const TOKEN: TokenHash = [7; 32];

fn minute(count: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_mins(count)
}

fn user(name: &str, role: Role) -> User {
    User { name: name.to_owned(), role, password_hash: "$argon2id$secret".to_owned(), created_at: minute(0) }
}

/// Idle for ten minutes, an hour at most.
fn session(name: &str) -> NewSession<'_> {
    NewSession { user: name, created_at: minute(0), idle_expires_at: minute(10), expires_at: minute(60) }
}

async fn with_user() -> (TempDir, SqliteStore) {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(dir.path().join("gateway.db")).await.unwrap();
    store.add_user(&user("olga", Role::Operator)).await.unwrap();
    (dir, store)
}

#[tokio::test]
async fn users_are_added_changed_and_removed() {
    let (dir, store) = with_user().await;
    store.add_user(&user("Anna", Role::Admin)).await.unwrap();
    let taken = store.add_user(&user("olga", Role::Admin)).await.unwrap_err();
    assert_eq!(taken, AccountError::Exists("olga".to_owned()));
    store.replace_password("olga", "$argon2id$other").await.unwrap();
    store.close().await;

    let store = SqliteStore::open(dir.path().join("gateway.db")).await.unwrap();
    let mut olga = user("olga", Role::Operator);
    olga.password_hash = "$argon2id$other".to_owned();
    assert_eq!(store.users().await.unwrap(), [user("Anna", Role::Admin), olga.clone()]);
    assert_eq!(store.user("olga").await.unwrap(), Some(olga));
    assert_eq!(store.user("Olga").await.unwrap(), None);

    store.remove_user("olga").await.unwrap();
    let unknown = AccountError::Unknown("olga".to_owned());
    assert_eq!(store.remove_user("olga").await, Err(unknown.clone()));
    assert_eq!(store.replace_password("olga", "$").await, Err(unknown));
    assert_eq!(store.users().await.unwrap().len(), 1);
}

#[test]
fn a_password_hash_stays_out_of_logs() {
    assert!(!format!("{:?}", user("olga", Role::Operator)).contains("argon2"));
}

#[tokio::test]
async fn a_session_lives_until_one_of_its_limits() {
    let (_dir, store) = with_user().await;
    store.create_session(&TOKEN, session("olga")).await.unwrap();
    let found = store.find_session(&TOKEN, minute(9)).await.unwrap().unwrap();
    assert_eq!((found.user.as_str(), found.role), ("olga", Role::Operator));
    assert_eq!((found.last_seen, found.idle_expires_at), (minute(0), minute(10)));
    assert_eq!(store.find_session(&[8; 32], minute(9)).await.unwrap(), None);
    assert_eq!(store.find_session(&TOKEN, minute(10)).await.unwrap(), None, "idle for too long");

    assert!(!store.touch_session(&TOKEN, minute(10), minute(20)).await.unwrap(), "expired ones stay so");
    assert!(store.touch_session(&TOKEN, minute(9), minute(90)).await.unwrap());
    let found = store.find_session(&TOKEN, minute(59)).await.unwrap().unwrap();
    assert_eq!((found.last_seen, found.expires_at), (minute(9), minute(60)));
    assert_eq!(store.find_session(&TOKEN, minute(60)).await.unwrap(), None, "the absolute limit holds");
    assert!(!store.touch_session(&[8; 32], minute(1), minute(2)).await.unwrap());
}

#[tokio::test]
async fn limits_finer_than_a_second_hold() {
    let (_dir, store) = with_user().await;
    let late = |nanoseconds| minute(10) + SignedDuration::from_nanos(nanoseconds);
    let new = NewSession { idle_expires_at: late(500), ..session("olga") };
    store.create_session(&TOKEN, new).await.unwrap();
    assert!(store.find_session(&TOKEN, minute(10)).await.unwrap().is_some());
    assert!(store.find_session(&TOKEN, late(499)).await.unwrap().is_some());
    assert!(store.find_session(&TOKEN, late(500)).await.unwrap().is_none());
}

#[tokio::test]
async fn sessions_end_by_token_by_user_and_by_age() {
    let (_dir, store) = with_user().await;
    store.add_user(&user("anna", Role::Admin)).await.unwrap();
    for (token, name) in [(1, "olga"), (2, "olga"), (3, "olga"), (4, "anna"), (5, "anna")] {
        store.create_session(&[token; 32], session(name)).await.unwrap();
    }
    assert!(store.delete_session(&[1; 32]).await.unwrap());
    assert!(!store.delete_session(&[1; 32]).await.unwrap());
    assert_eq!(store.delete_sessions_of("olga").await.unwrap(), 2);
    assert!(store.touch_session(&[4; 32], minute(5), minute(15)).await.unwrap());
    assert_eq!(store.purge_sessions(minute(10)).await.unwrap(), 1);
    assert!(store.find_session(&[4; 32], minute(10)).await.unwrap().is_some());
    assert_eq!(store.purge_sessions(minute(15)).await.unwrap(), 1);
}

#[tokio::test]
async fn sessions_end_with_the_password_and_with_the_user() {
    let (_dir, store) = with_user().await;
    store.create_session(&TOKEN, session("olga")).await.unwrap();
    store.replace_password("olga", "$argon2id$other").await.unwrap();
    assert_eq!(store.find_session(&TOKEN, minute(1)).await.unwrap(), None);

    store.create_session(&TOKEN, session("olga")).await.unwrap();
    store.remove_user("olga").await.unwrap();
    assert_eq!(store.find_session(&TOKEN, minute(1)).await.unwrap(), None);
    assert_eq!(store.purge_sessions(minute(600)).await.unwrap(), 0, "removed, not only hidden");
    let error = store.create_session(&TOKEN, session("olga")).await.unwrap_err();
    assert_eq!(error, AccountError::Unknown("olga".to_owned()));
}

#[tokio::test]
async fn whoever_has_a_role_of_a_newer_release_is_nobody_here() {
    let (dir, store) = with_user().await;
    store.create_session(&TOKEN, session("olga")).await.unwrap();
    let options = SqliteConnectOptions::new().filename(dir.path().join("gateway.db"));
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::query("UPDATE account SET role = 'auditor'").execute(&mut connection).await.unwrap();
    store.add_user(&user("boris", Role::Admin)).await.unwrap();
    assert_eq!(store.user("olga").await.unwrap(), None);
    assert_eq!(store.users().await.unwrap(), [user("boris", Role::Admin)]);
    assert_eq!(store.find_session(&TOKEN, minute(1)).await.unwrap(), None);
    let taken = store.add_user(&user("olga", Role::Admin)).await.unwrap_err();
    assert_eq!(taken, AccountError::Exists("olga".to_owned()), "she is still there for the newer one");
    sqlx::query("UPDATE account SET role = 'viewer'").execute(&mut connection).await.unwrap();
    assert!(store.find_session(&TOKEN, minute(1)).await.unwrap().is_some());
    sqlx::query("UPDATE account SET created_at = 'once'").execute(&mut connection).await.unwrap();
    assert!(store.user("olga").await.unwrap_err().to_string().contains("user olga"));
    assert!(store.users().await.unwrap_err().to_string().contains("user boris"));
}
