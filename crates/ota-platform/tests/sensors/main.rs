//! Sensors against real peers that answer, change, fall silent, go away and talk nonsense.

#![cfg(test)]

mod http;
mod modbus;
mod mqtt;
mod nut;
mod peers;

use ota_core::{ConstraintId, ConstraintState, Reading};
use ota_engine::ports::Sensors;
use ota_platform::{
    BatteryRule, LiveSensors, LoadConfig, NetworkConfig, SensorsConfig, SensorsError, Signal, SystemClock,
    WordRule,
};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};

pub const PATIENCE: Duration = Duration::from_secs(30);
pub const TICK: Duration = Duration::from_millis(20);

pub fn word(source: &str, signal: Signal, pointer: &str, clear: &str) -> WordRule {
    WordRule {
        source: source.into(),
        signal,
        pointer: pointer.into(),
        words: [].into(),
        clear_values: vec![clear.into()],
        clears_in_pointer: None,
    }
}

pub fn battery(source: &str, signal: Signal) -> BatteryRule {
    BatteryRule {
        source: source.into(),
        signal,
        pointer: "/ups_battery".into(),
        online_pointer: Some("/ups_online".into()),
        runtime_pointer: None,
        minimum: 30.0,
        minimum_runtime: None,
    }
}

pub fn start(config: SensorsConfig) -> LiveSensors {
    LiveSensors::start(config, Arc::new(SystemClock)).unwrap()
}

pub async fn until(sensors: &LiveSensors, what: &str, wanted: impl Fn(&[Reading]) -> bool) -> Vec<Reading> {
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

pub fn all(state: ConstraintState) -> impl Fn(&[Reading]) -> bool {
    move |readings| readings.len() == 3 && readings.iter().all(|reading| reading.state == state)
}

pub fn of(readings: &[Reading], id: ConstraintId) -> &Reading {
    readings.iter().find(|reading| reading.constraint == id).unwrap()
}

/// Waits until a constraint has a state for a reason that contains `said`, and returns the reading.
pub async fn becomes(sensors: &LiveSensors, id: ConstraintId, state: ConstraintState, said: &str) -> Reading {
    let fits = |reading: &Reading| {
        reading.constraint == id && reading.state == state && reading.reason.contains(said)
    };
    let what = format!("{id} {state:?} “{said}”");
    let readings = until(sensors, &what, |readings| readings.iter().any(fits)).await;
    readings.into_iter().find(fits).unwrap()
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
            maximum_pressure: 90.0,
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
    let plant = http::Plant::start(200, http::CLEAR).await;
    let good = plant.config(Duration::from_secs(1));
    let refuse = |change: &dyn Fn(&mut SensorsConfig)| {
        let mut config = good.clone();
        change(&mut config);
        LiveSensors::start(config, Arc::new(SystemClock)).err().unwrap()
    };
    let error = refuse(&|config| config.sources.clear());
    assert!(matches!(error, SensorsError::NoSource { constraint: ConstraintId::CraneMotion, .. }), "{error}");
    let error = refuse(&|config| config.sources.push(config.sources[0].clone()));
    assert!(matches!(error, SensorsError::TwoSources(_)), "{error}");
    let error = refuse(&|config| config.sources[0].interval = Duration::ZERO);
    assert!(matches!(error, SensorsError::Interval(_)), "{error}");
    let error = refuse(&|config| config.ups_battery.as_mut().unwrap().pointer = "battery".into());
    assert!(matches!(error, SensorsError::Pointer(_)), "{error}");
    let error = refuse(&|config| {
        config.acs_collision.as_mut().unwrap().signal = Signal::Topic("acs/state".into());
    });
    assert!(matches!(error, SensorsError::OtherKind { protocol: "HTTP", .. }), "{error}");
    plant.server.abort();
}
