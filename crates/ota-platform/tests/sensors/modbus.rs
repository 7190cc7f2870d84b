//! Modbus/TCP: a device of pymodbus, and one that does not keep to the protocol.

use crate::peers::{Running, free_port, program};
use crate::{PATIENCE, TICK, battery, becomes, start, word};
use ConstraintId::{AcsCollision, CraneMotion, UpsBattery};
use ConstraintState::{Blocking, Clear, Unknown};
use ota_core::{ConstraintId, ConstraintState};
use ota_platform::{
    HostPort, ModbusConfig, Registers, SensorsConfig, Signal, SourceConfig, SourceKind, WordRule,
};
use std::io::Write;
use std::path::Path;
use std::process::{ChildStdin, Command};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::timeout;

const LONG: Duration = Duration::from_secs(10);

struct Device {
    directory: TempDir,
    port: u16,
    running: Running,
    orders: ChildStdin,
}

impl Device {
    fn start() -> Self {
        let (directory, port) = (tempfile::tempdir().unwrap(), free_port());
        let (running, orders) = Self::launch(directory.path(), port);
        Self { directory, port, running, orders }
    }

    fn launch(directory: &Path, port: u16) -> (Running, ChildStdin) {
        let package = "python3-pymodbus with python3-serial-asyncio";
        // Debian's own Python, for which its packages are.
        let mut command = Command::new(program("/usr/bin/python3", package));
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sensors/modbus_device.py"));
        let (mut running, orders) =
            Running::start_with_input(command.arg(port.to_string()), directory.join("log"));
        running.wait_for_port(port);
        (running, orders)
    }

    fn set(&mut self, order: &str) {
        writeln!(self.orders, "{order}").unwrap();
    }

    fn kill(&mut self) {
        self.running.kill();
    }

    fn up(&mut self) {
        (self.running, self.orders) = Self::launch(self.directory.path(), self.port);
    }
}

fn registers(value: &str) -> Registers {
    Registers { value: value.parse().unwrap(), scale: 1.0, online: None, runtime: None }
}

fn words(value: &str, words: &[(&str, &str)], clear: &str) -> WordRule {
    let words = words.iter().map(|(value, word)| ((*value).to_owned(), (*word).to_owned())).collect();
    WordRule { words, ..word("plc", Signal::Registers(registers(value)), "", clear) }
}

fn config(port: u16, unit: u8, max_age: Duration) -> SensorsConfig {
    let address = HostPort { host: "127.0.0.1".into(), port };
    let kind = SourceKind::Modbus(ModbusConfig { address, unit });
    let ups = Registers { scale: 0.1, online: Some("discrete:3".parse().unwrap()), ..registers("input:5") };
    SensorsConfig {
        sources: vec![SourceConfig { name: "plc".into(), interval: TICK, max_age, kind }],
        crane_motion: Some(words("holding:40", &[("0", "idle"), ("1", "moving")], "idle")),
        acs_collision: Some(words("coil:12", &[("0", "clear"), ("1", "risk")], "clear")),
        ups_battery: Some(battery("plc", Signal::Registers(ups))),
        ..SensorsConfig::default()
    }
}

#[tokio::test]
async fn registers_and_bits_are_followed() {
    let mut device = Device::start();
    device.set("input 5 855");
    device.set("discrete 3 1");
    let sensors = start(config(device.port, 7, LONG));
    let crane = becomes(&sensors, CraneMotion, Clear, "“idle”").await;
    assert_eq!(crane.source, "Modbus plc, holding register 40");
    becomes(&sensors, AcsCollision, Clear, "“clear”").await;
    let ups = becomes(&sensors, UpsBattery, Clear, "85.5 %").await;
    assert_eq!(ups.source, "Modbus plc, input register 5 and discrete input 3");

    device.set("holding 40 1");
    device.set("coil 12 1");
    device.set("input 5 200");
    becomes(&sensors, CraneMotion, Blocking, "“moving”; it must report “idle”").await;
    becomes(&sensors, AcsCollision, Blocking, "“risk”").await;
    becomes(&sensors, UpsBattery, Blocking, "at 20 %, below the minimum of 30 %").await;
    device.set("discrete 3 0");
    becomes(&sensors, UpsBattery, Blocking, "Mains power is out").await;

    device.set("holding 40 77");
    device.set("input 5 2000");
    becomes(&sensors, CraneMotion, Unknown, "“77”, which has no meaning").await;
    becomes(&sensors, UpsBattery, Unknown, "a charge from 0 to 100 and gives another number").await;
}

#[tokio::test]
async fn a_bit_of_a_register_is_a_value() {
    let mut device = Device::start();
    device.set("holding 9 8");
    let crane_motion = Some(words("holding:9.3", &[("0", "idle"), ("1", "moving")], "idle"));
    let sensors = start(SensorsConfig { crane_motion, ..config(device.port, 7, LONG) });
    let crane = becomes(&sensors, CraneMotion, Blocking, "“moving”").await;
    assert_eq!(crane.source, "Modbus plc, holding register 9 bit 3");
    device.set("holding 9 7");
    becomes(&sensors, CraneMotion, Clear, "“idle”").await;
}

#[tokio::test]
async fn an_exception_concerns_its_register_alone() {
    let device = Device::start();
    let crane_motion = Some(words("holding:5000", &[("0", "idle")], "idle"));
    let sensors = start(SensorsConfig { crane_motion, ..config(device.port, 7, LONG) });
    becomes(&sensors, CraneMotion, Unknown, "the device has no holding register 5000 (exception 2)").await;
    becomes(&sensors, AcsCollision, Clear, "“clear”").await;
}

#[tokio::test]
async fn a_device_that_goes_away_is_unknown_and_comes_back() {
    let mut device = Device::start();
    let sensors = start(config(device.port, 7, LONG));
    becomes(&sensors, CraneMotion, Clear, "“idle”").await;
    device.kill();
    becomes(&sensors, CraneMotion, Unknown, "connection refused").await;
    device.up();
    becomes(&sensors, CraneMotion, Clear, "“idle”").await;
}

#[tokio::test]
async fn a_slow_device_and_a_unit_that_is_not_there_are_told() {
    let mut device = Device::start();
    let sensors = start(config(device.port, 7, Duration::from_secs(1)));
    becomes(&sensors, CraneMotion, Clear, "“idle”").await;
    device.set("slow 1.5");
    becomes(&sensors, CraneMotion, Unknown, "no answer within 1 s").await;
    device.set("slow 0");
    becomes(&sensors, CraneMotion, Clear, "“idle”").await;
    let sensors = start(config(device.port, 9, Duration::from_secs(1)));
    becomes(&sensors, CraneMotion, Unknown, "gives no value").await;
}

/// Answers every request with the same bytes after the transaction's number.
async fn liar(answer: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 12];
            while stream.read_exact(&mut request).await.is_ok() {
                let whole = [&request[..2], answer].concat();
                if stream.write_all(&whole).await.is_err() {
                    break;
                }
            }
        }
    });
    port
}

#[tokio::test]
async fn short_long_and_foreign_answers_are_unknown() {
    for answer in [
        // Holding registers: none, two, half a one, another function, another unit, another protocol, an empty packet.
        &[0, 0, 0, 3, 7, 3, 0][..],
        &[0, 0, 0, 7, 7, 3, 4, 0, 0, 0, 0],
        &[0, 0, 0, 4, 7, 3, 1, 0],
        &[0, 0, 0, 4, 7, 1, 1, 0],
        &[0, 0, 0, 5, 8, 3, 2, 0, 0],
        &[0, 9, 0, 5, 7, 3, 2, 0, 0],
        &[0, 0, 0, 0],
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
    ] {
        let port = liar(answer).await;
        let sensors = start(config(port, 7, Duration::from_millis(500)));
        let seen = becomes(&sensors, CraneMotion, Unknown, "gives no value");
        timeout(PATIENCE, seen).await.unwrap_or_else(|_| panic!("{answer:?}"));
    }
}
