//! From the configuration to the sources of the interlocks.

use super::{WiringError, failed, url};
use crate::config::{
    Config, HttpSource, LevelSource, ModbusSource, MqttSource, NutSource, Safety, StateSource,
};
use ota_engine::ports::{Clock, Sensors};
use ota_platform as platform;
use platform::{HostPort, Register, Registers, Signal, SourceConfig, SourceKind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// The kernel's own figures.
const PROC: &str = "/proc";
/// How often the network is looked at, and how old a reading of it may be.
const NETWORK: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(20));
/// The same for the load.
const LOAD: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(10));
/// A broker is not asked; this is never used.
const NOT_ASKED: Duration = Duration::from_secs(1);

pub(super) fn start(
    config: &Config,
    repository: &Url,
    clock: &Arc<dyn Clock>,
) -> Result<Arc<dyn Sensors>, WiringError> {
    let safety = &config.safety;
    let sources = sources(config)?;
    let host = repository.host_str().map(|host| host.trim_matches(['[', ']']).to_owned());
    let sensors = platform::SensorsConfig {
        crane_motion: word(&safety.crane_motion, &sources)?,
        acs_collision: word(&safety.acs_collision, &sources)?,
        ups_battery: battery(&safety.ups_battery, &sources)?,
        sources,
        network: safety.network.enabled.then(|| platform::NetworkConfig {
            repository: host.zip(repository.port_or_known_default()),
            proc: PROC.into(),
            interval: NETWORK.0,
            max_age: NETWORK.1,
        }),
        system_load: safety.system_load.enabled.then(|| platform::LoadConfig {
            maximum_per_core: safety.system_load.maximum_per_core,
            maximum_pressure: safety.system_load.maximum_pressure,
            proc: PROC.into(),
            interval: LOAD.0,
            max_age: LOAD.1,
        }),
    };
    let started = platform::LiveSensors::start(sensors, Arc::clone(clock));
    Ok(Arc::new(started.map_err(failed("cannot read the sensors"))?))
}

fn sources(config: &Config) -> Result<Vec<SourceConfig>, WiringError> {
    let Safety { http: documents, mqtt: brokers, modbus: devices, nut: supplies, .. } = &config.safety;
    let mut all = Vec::new();
    for source in documents {
        all.push(timed(&source.name, source.interval_ms, source.max_age_seconds, http(source)?));
    }
    for source in brokers {
        let kind = mqtt(source, &config.gateway.id)?;
        let interval = NOT_ASKED;
        all.push(SourceConfig { interval, ..timed(&source.name, 0, source.max_age_seconds, kind) });
    }
    for source in devices {
        all.push(timed(&source.name, source.interval_ms, source.max_age_seconds, modbus(source)?));
    }
    for source in supplies {
        all.push(timed(&source.name, source.interval_ms, source.max_age_seconds, nut(source)?));
    }
    Ok(all)
}

fn timed(name: &str, interval_ms: u64, max_age_seconds: u64, kind: SourceKind) -> SourceConfig {
    let (interval, max_age) = (Duration::from_millis(interval_ms), Duration::from_secs(max_age_seconds));
    SourceConfig { name: name.to_owned(), interval, max_age, kind }
}

fn http(source: &HttpSource) -> Result<SourceKind, WiringError> {
    let basic = credentials(source.username.as_ref(), source.password_file.as_ref());
    let login = match (&source.token_file, basic) {
        (Some(path), _) => Some(platform::HttpLogin::Bearer(path.clone())),
        (None, basic) => basic.map(platform::HttpLogin::Basic),
    };
    Ok(SourceKind::Http(platform::HttpConfig { url: url(&source.url)?, login, ca: source.ca.clone() }))
}

fn mqtt(source: &MqttSource, gateway: &str) -> Result<SourceKind, WiringError> {
    let (broker, secure) = platform::parse_broker(&source.broker).ok_or_else(|| unusable(&source.broker))?;
    let identity = source.certificate.clone().zip(source.key.clone());
    let own_id = || format!("gateway-ota-{gateway}-{}", source.name);
    Ok(SourceKind::Mqtt(platform::MqttConfig {
        broker,
        client_id: source.client_id.clone().unwrap_or_else(own_id),
        credentials: credentials(source.username.as_ref(), source.password_file.as_ref()),
        tls: secure.then(|| platform::TlsFiles { ca: source.ca.clone(), identity }),
        accept_retained: source.accept_retained,
    }))
}

fn modbus(source: &ModbusSource) -> Result<SourceKind, WiringError> {
    let address = HostPort::parse(&source.address, platform::MODBUS_PORT);
    let address = address.ok_or_else(|| unusable(&source.address))?;
    Ok(SourceKind::Modbus(platform::ModbusConfig { address, unit: source.unit }))
}

fn nut(source: &NutSource) -> Result<SourceKind, WiringError> {
    let address = HostPort::parse(&source.address, platform::NUT_PORT);
    Ok(SourceKind::Nut(platform::NutConfig {
        address: address.ok_or_else(|| unusable(&source.address))?,
        ups: source.ups.clone(),
        credentials: credentials(source.username.as_ref(), source.password_file.as_ref()),
        tls: source.tls.then(|| platform::TlsFiles { ca: source.ca.clone(), identity: None }),
    }))
}

fn credentials(username: Option<&String>, password_file: Option<&PathBuf>) -> Option<platform::Credentials> {
    let (username, password_file) = username.cloned().zip(password_file.cloned())?;
    Some(platform::Credentials { username, password_file })
}

fn word(state: &StateSource, sources: &[SourceConfig]) -> Result<Option<platform::WordRule>, WiringError> {
    if !state.enabled {
        return Ok(None);
    }
    let registers = |value| Registers { value, scale: 1.0, online: None, runtime: None };
    Ok(Some(platform::WordRule {
        source: state.source.clone(),
        signal: match register(state.register.as_ref())? {
            Some(value) => Signal::Registers(registers(value)),
            None => signal(&state.source, state.topic.as_ref(), sources),
        },
        pointer: state.pointer.clone(),
        words: state.words.clone(),
        clear_values: state.clear_values.clone(),
        clears_in_pointer: state.clears_in_pointer.clone(),
    }))
}

fn battery(
    level: &LevelSource,
    sources: &[SourceConfig],
) -> Result<Option<platform::BatteryRule>, WiringError> {
    if !level.enabled {
        return Ok(None);
    }
    let signal = match register(level.register.as_ref())? {
        Some(value) => Signal::Registers(Registers {
            value,
            scale: level.scale,
            online: register(level.online_register.as_ref())?,
            runtime: register(level.runtime_register.as_ref())?,
        }),
        None => signal(&level.source, level.topic.as_ref(), sources),
    };
    let runtime = Duration::from_secs(level.minimum_runtime_seconds);
    Ok(Some(platform::BatteryRule {
        source: level.source.clone(),
        signal,
        pointer: level.pointer.clone(),
        online_pointer: level.online_pointer.clone(),
        runtime_pointer: level.runtime_pointer.clone(),
        minimum: level.minimum,
        minimum_runtime: (!runtime.is_zero()).then_some(runtime),
    }))
}

fn signal(source: &str, topic: Option<&String>, sources: &[SourceConfig]) -> Signal {
    let kind = sources.iter().find(|other| other.name == source).map(|source| &source.kind);
    match (topic, kind) {
        (Some(topic), _) => Signal::Topic(topic.clone()),
        (None, Some(SourceKind::Nut(_))) => Signal::Ups,
        (None, _) => Signal::Document,
    }
}

fn register(text: Option<&String>) -> Result<Option<Register>, WiringError> {
    text.map(|text| text.parse()).transpose().map_err(failed("cannot use a register"))
}

fn unusable(address: &str) -> WiringError {
    WiringError::new("cannot use an address", address)
}
