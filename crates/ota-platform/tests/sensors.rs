//! Sensors against a plant that answers, changes, falls silent and talks nonsense.

#![cfg(test)]

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use ota_core::{ConstraintId, ConstraintState, Reading};
use ota_engine::ports::{Clock, Sensors};
use ota_platform::{
    BatteryRule, HttpSourceConfig, LoadConfig, NetworkConfig, PolledSensors, SensorsConfig, SensorsError,
    SystemClock, WordRule,
};
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

const PATIENCE: Duration = Duration::from_secs(20);
const TICK: Duration = Duration::from_millis(20);

/// What the plant answers; `None` is never.
type Answer = Arc<Mutex<Option<(u16, String)>>>;

struct Plant {
    answer: Answer,
    requests: Arc<Mutex<u32>>,
    address: SocketAddr,
    server: JoinHandle<()>,
}

impl Plant {
    async fn start(status: u16, body: &str) -> Self {
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

    fn config(&self, max_age: Duration) -> SensorsConfig {
        let word = |pointer: &str, clear: &str| {
            Some(WordRule {
                source: "plant".into(),
                pointer: pointer.into(),
                clear_values: vec![clear.into()],
            })
        };
        SensorsConfig {
            http: vec![HttpSourceConfig {
                name: "plant".into(),
                url: format!("http://{}/signals", self.address).parse().unwrap(),
                interval: TICK,
                max_age,
            }],
            crane_motion: word("/crane_motion", "idle"),
            acs_collision: word("/acs_collision", "clear"),
            ups_battery: Some(BatteryRule {
                source: "plant".into(),
                pointer: "/ups_battery".into(),
                minimum: 30.0,
                online_pointer: Some("/ups_online".into()),
            }),
            ..SensorsConfig::default()
        }
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

const CLEAR: &str = r#"{"crane_motion":"idle","acs_collision":"clear","ups_battery":85,"ups_online":true}"#;
const BUSY: &str = r#"{"crane_motion":"moving","acs_collision":"risk","ups_battery":20,"ups_online":false}"#;

fn start(config: SensorsConfig) -> PolledSensors {
    PolledSensors::start(config, Arc::new(SystemClock)).unwrap()
}

async fn until(sensors: &PolledSensors, what: &str, wanted: impl Fn(&[Reading]) -> bool) -> Vec<Reading> {
    let wait = async {
        loop {
            let readings = sensors.latest();
            if wanted(&readings) {
                return readings;
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("{what}: {:#?}", sensors.latest()))
}

fn all(state: ConstraintState) -> impl Fn(&[Reading]) -> bool {
    move |readings| readings.len() == 3 && readings.iter().all(|reading| reading.state == state)
}

fn of(readings: &[Reading], id: ConstraintId) -> &Reading {
    readings.iter().find(|reading| reading.constraint == id).unwrap()
}

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
    assert_eq!((battery.source.as_str(), battery.max_age), ("plant", Duration::from_secs(5)));
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
    let plant = Plant::start(200, CLEAR).await;
    let config = SensorsConfig {
        http: vec![HttpSourceConfig {
            url: format!("http://{address}/").parse().unwrap(),
            ..plant.config(Duration::from_secs(5)).http[0].clone()
        }],
        ..plant.config(Duration::from_secs(5))
    };
    let sensors = start(config);
    let refused =
        |readings: &[Reading]| readings.len() == 3 && readings[0].reason.contains("connection refused");
    until(&sensors, "refused", refused).await;
    plant.server.abort();
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

fn proc(directory: &Path, load: &str, route: &str) {
    fs::create_dir_all(directory.join("net")).unwrap();
    fs::create_dir_all(directory.join("pressure")).unwrap();
    fs::write(directory.join("loadavg"), load).unwrap();
    fs::write(directory.join("net/route"), route).unwrap();
    fs::write(directory.join("pressure/cpu"), "some avg10=12.50 avg60=0.00 avg300=0.00 total=1\n").unwrap();
}

#[tokio::test]
async fn load_and_network_are_followed() {
    let directory = tempfile::tempdir().unwrap();
    let header = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n";
    proc(directory.path(), "0.10 0.20 0.30 1/100 4242\n", header);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let max_age = Duration::from_millis(200);
    let sensors = start(SensorsConfig {
        network: Some(NetworkConfig {
            repository: Some(("127.0.0.1".into(), port)),
            proc: directory.path().into(),
            interval: TICK,
            max_age,
        }),
        system_load: Some(LoadConfig {
            maximum_per_core: 2.0,
            proc: directory.path().into(),
            interval: TICK,
            max_age,
        }),
        ..SensorsConfig::default()
    });
    let state = |id: ConstraintId, state: ConstraintState| {
        move |readings: &[Reading]| readings.iter().any(|r| r.constraint == id && r.state == state)
    };
    use ConstraintId::{Network, SystemLoad};
    use ConstraintState::{Blocking, Clear, Unknown};
    until(&sensors, "reachable", state(Network, Clear)).await;
    until(&sensors, "idle", state(SystemLoad, Clear)).await;
    drop(listener);
    until(&sensors, "neither", state(Network, Blocking)).await;
    let route = "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n";
    proc(directory.path(), "900.00 0.20 0.30 1/100 4242\n", &format!("{header}{route}"));
    until(&sensors, "route", state(Network, Clear)).await;
    let readings = until(&sensors, "busy", state(SystemLoad, Blocking)).await;
    let load = of(&readings, SystemLoad);
    assert!(load.reason.contains("12.5 %") && load.level.is_some_and(|level| level > 2.0), "{load:?}");
    fs::write(directory.path().join("loadavg"), "nonsense").unwrap();
    let readings = until(&sensors, "nonsense", state(SystemLoad, Unknown)).await;
    assert_eq!(of(&readings, SystemLoad).level, load.level);
}

#[tokio::test]
async fn a_configuration_that_makes_no_sense_is_refused() {
    let plant = Plant::start(200, CLEAR).await;
    let good = plant.config(Duration::from_secs(1));
    let refuse = |change: &dyn Fn(&mut SensorsConfig)| {
        let mut config = good.clone();
        change(&mut config);
        PolledSensors::start(config, Arc::new(SystemClock)).unwrap_err()
    };
    let error = refuse(&|config| config.http.clear());
    assert!(matches!(error, SensorsError::NoSource { constraint: ConstraintId::CraneMotion, .. }), "{error}");
    let error = refuse(&|config| config.http.push(config.http[0].clone()));
    assert!(matches!(error, SensorsError::TwoSources(_)), "{error}");
    let error = refuse(&|config| config.http[0].interval = Duration::ZERO);
    assert!(matches!(error, SensorsError::Interval(_)), "{error}");
    let error = refuse(&|config| config.ups_battery.as_mut().unwrap().pointer = "battery".into());
    assert!(matches!(error, SensorsError::Pointer(_)), "{error}");
    plant.server.abort();
}
