//! HTTP: a plant that answers, changes, falls silent and talks nonsense.

use crate::peers::{Authority, Running, free_port};
use crate::{PATIENCE, TICK, all, battery, becomes, of, start, until, word};
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use ota_core::{ConstraintId, ConstraintState, Reading};
use ota_engine::ports::{Clock, Sensors};
use ota_platform::{
    Credentials, HttpConfig, HttpLogin, SensorsConfig, Signal, SourceConfig, SourceKind, SystemClock,
};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// What the plant answers; `None` is never.
type Answer = Arc<Mutex<Option<(u16, String)>>>;

pub struct Plant {
    answer: Answer,
    requests: Arc<Mutex<u32>>,
    address: SocketAddr,
    pub server: JoinHandle<()>,
}

impl Plant {
    pub async fn start(status: u16, body: &str) -> Self {
        let answer: Answer = Arc::new(Mutex::new(Some((status, body.to_owned()))));
        let requests = Arc::new(Mutex::new(0));
        let app = Router::new()
            .route("/signals", get(signals))
            .with_state((Arc::clone(&answer), Arc::clone(&requests)));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { answer, requests, address, server }
    }

    fn says(&self, status: u16, body: &str) {
        *self.answer.lock().unwrap() = Some((status, body.to_owned()));
    }

    fn hangs(&self) {
        *self.answer.lock().unwrap() = None;
    }

    pub fn config(&self, max_age: Duration) -> SensorsConfig {
        config(&format!("http://{}/signals", self.address), max_age)
    }
}

/// All three constraints from one document.
pub fn config(url: &str, max_age: Duration) -> SensorsConfig {
    let kind = SourceKind::Http(HttpConfig { url: url.parse().unwrap(), login: None, ca: None });
    SensorsConfig {
        sources: vec![SourceConfig { name: "plant".into(), interval: TICK, max_age, kind }],
        crane_motion: Some(word("plant", Signal::Document, "/crane_motion", "idle")),
        acs_collision: Some(word("plant", Signal::Document, "/acs_collision", "clear")),
        ups_battery: Some(battery("plant", Signal::Document)),
        ..SensorsConfig::default()
    }
}

async fn signals(State((answer, requests)): State<(Answer, Arc<Mutex<u32>>)>) -> (StatusCode, String) {
    *requests.lock().unwrap() += 1;
    let answer = answer.lock().unwrap().clone();
    match answer {
        Some((status, body)) => (StatusCode::from_u16(status).unwrap(), body),
        None => std::future::pending().await,
    }
}

pub const CLEAR: &str =
    r#"{"crane_motion":"idle","acs_collision":"clear","ups_battery":85,"ups_online":true}"#;
const BUSY: &str = r#"{"crane_motion":"moving","acs_collision":"risk","ups_battery":20,"ups_online":false}"#;

#[tokio::test]
async fn values_are_followed_and_the_last_charge_stays_when_the_plant_falls_silent() {
    let plant = Plant::start(200, CLEAR).await;
    let sensors = start(plant.config(Duration::from_secs(5)));
    let readings = until(&sensors, "clear", all(ConstraintState::Clear)).await;
    let battery = of(&readings, ConstraintId::UpsBattery);
    assert_eq!(
        (battery.level, battery.threshold, battery.status.as_str()),
        (Some(85.0), Some(30.0), "online")
    );
    assert_eq!((battery.source.as_str(), battery.max_age), ("HTTP plant", Duration::from_secs(5)));
    assert!(battery.at <= SystemClock.boot());

    plant.says(200, BUSY);
    let readings = until(&sensors, "blocking", all(ConstraintState::Blocking)).await;
    assert_eq!(of(&readings, ConstraintId::CraneMotion).status, "moving");
    assert_eq!(of(&readings, ConstraintId::UpsBattery).level, Some(20.0));

    for (status, body, why) in [
        (503, "{}", "HTTP 503"),
        (200, "<html>", "not JSON"),
        (200, "{}", "gives nothing"),
        (302, "", "HTTP 302"),
    ] {
        plant.says(status, body);
        let says_why = |readings: &[Reading]| readings.iter().all(|reading| reading.reason.contains(why));
        let readings = until(&sensors, why, says_why).await;
        assert!(all(ConstraintState::Unknown)(&readings), "{readings:?}");
        let battery = of(&readings, ConstraintId::UpsBattery);
        assert_eq!((battery.level, battery.status.as_str()), (Some(20.0), "unknown"));
    }
    let long = format!("[{}1]", "1,".repeat(50_000));
    plant.says(200, &long);
    until(&sensors, "long", |readings| readings.iter().all(|reading| reading.reason.contains("too long")))
        .await;

    plant.says(200, CLEAR);
    until(&sensors, "clear again", all(ConstraintState::Clear)).await;

    plant.server.abort();
    until(&sensors, "refused", |readings| readings.iter().all(|r| r.state == ConstraintState::Unknown)).await;
}

#[tokio::test]
async fn a_plant_that_is_not_there_refuses_the_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let config = config(&format!("http://{address}/"), Duration::from_secs(5));
    let sensors = start(config);
    let refused =
        |readings: &[Reading]| readings.len() == 3 && readings[0].reason.contains("connection refused");
    until(&sensors, "refused", refused).await;
}

#[tokio::test]
async fn a_plant_that_hangs_becomes_stale_and_then_unknown() {
    let plant = Plant::start(200, CLEAR).await;
    let max_age = Duration::from_millis(300);
    let sensors = start(plant.config(max_age));
    until(&sensors, "clear", all(ConstraintState::Clear)).await;
    plant.hangs();
    let asked = SystemClock.boot();
    let readings = until(&sensors, "no answer", all(ConstraintState::Unknown)).await;
    assert!(readings[0].reason.contains("no answer within 0.3 s"), "{}", readings[0].reason);
    assert!(readings[0].at >= asked);
    plant.server.abort();
}

#[tokio::test]
async fn a_reading_is_as_old_as_its_question() {
    let plant = Plant::start(200, CLEAR).await;
    let sensors = start(plant.config(Duration::from_secs(5)));
    until(&sensors, "clear", all(ConstraintState::Clear)).await;
    plant.hangs();
    let requests = *plant.requests.lock().unwrap();
    while *plant.requests.lock().unwrap() == requests {
        sleep(Duration::from_millis(1)).await;
    }
    // The question hangs: what is shown grows old, and is not renewed.
    let shown = sensors.latest()[0].at;
    sleep(3 * TICK).await;
    assert_eq!(sensors.latest()[0].at, shown);
    plant.server.abort();
}

#[tokio::test]
async fn the_polling_ends_with_the_sensors() {
    let plant = Plant::start(200, CLEAR).await;
    let sensors = start(plant.config(Duration::from_secs(5)));
    until(&sensors, "clear", all(ConstraintState::Clear)).await;
    drop(sensors);
    let settled = async {
        loop {
            let before = *plant.requests.lock().unwrap();
            sleep(10 * TICK).await;
            if *plant.requests.lock().unwrap() == before {
                return;
            }
        }
    };
    timeout(PATIENCE, settled).await.unwrap();
    plant.server.abort();
}

/// Answers whoever proves who it is.
async fn guarded(authorization: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer = move |headers: axum::http::HeaderMap| async move {
        let let_in = headers.get("authorization").is_some_and(|value| value == authorization);
        if let_in { (StatusCode::OK, CLEAR) } else { (StatusCode::UNAUTHORIZED, "") }
    };
    let app = Router::new().route("/signals", get(answer));
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    address
}

fn with_login(url: &str, login: Option<HttpLogin>, ca: Option<PathBuf>) -> SensorsConfig {
    let mut config = config(url, Duration::from_secs(5));
    config.sources[0].kind = SourceKind::Http(HttpConfig { url: url.parse().unwrap(), login, ca });
    config
}

#[tokio::test]
async fn passwords_and_tokens_are_shown_and_a_wrong_one_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("secret");
    let basic = |file: &Path| {
        HttpLogin::Basic(Credentials { username: "gateway".into(), password_file: file.to_owned() })
    };
    // `gateway:s3cret-one`
    let address = guarded("Basic Z2F0ZXdheTpzM2NyZXQtb25l").await;
    let sensors = start(with_login(&format!("http://{address}/signals"), Some(basic(&file)), None));
    becomes(&sensors, ConstraintId::CraneMotion, ConstraintState::Unknown, "secret cannot be read").await;
    std::fs::write(&file, "s3cret-two\n").unwrap();
    let said = "it refuses this gateway’s login (HTTP 401)";
    let refused = becomes(&sensors, ConstraintId::CraneMotion, ConstraintState::Unknown, said).await;
    assert!(!refused.reason.contains("s3cret"));
    std::fs::write(&file, "s3cret-one\n").unwrap();
    becomes(&sensors, ConstraintId::CraneMotion, ConstraintState::Clear, "idle").await;

    let address = guarded("Bearer s3cret-one").await;
    let login = Some(HttpLogin::Bearer(file));
    let sensors = start(with_login(&format!("http://{address}/signals"), login, None));
    becomes(&sensors, ConstraintId::CraneMotion, ConstraintState::Clear, "idle").await;
}

#[tokio::test]
async fn over_https_the_server_proves_who_it_is() {
    let authority = Authority::new();
    std::fs::write(authority.path("signals"), CLEAR).unwrap();
    let port = free_port();
    let mut command = Command::new("openssl");
    command.args(["s_server", "-accept", &format!("127.0.0.1:{port}"), "-WWW", "-quiet"]);
    command.args(["-cert", "server.pem", "-key", "server.key"]).current_dir(authority.directory.path());
    let mut server = Running::start(&mut command, authority.path("log"));
    server.wait_for_port(port);
    let url = format!("https://localhost:{port}/signals");
    let stranger = Authority::new();
    for (ca, state, said) in [
        (Some(authority.path("ca.pem")), ConstraintState::Clear, "idle"),
        (Some(stranger.path("ca.pem")), ConstraintState::Unknown, "the TLS connection is refused"),
        (None, ConstraintState::Unknown, "the TLS connection is refused"),
        (Some(authority.path("missing.pem")), ConstraintState::Unknown, "missing.pem cannot be read"),
        (
            Some(authority.path("server.key")),
            ConstraintState::Unknown,
            "server.key holds no usable certificate",
        ),
    ] {
        let sensors = start(with_login(&url, None, ca));
        becomes(&sensors, ConstraintId::CraneMotion, state, said).await;
    }
}
