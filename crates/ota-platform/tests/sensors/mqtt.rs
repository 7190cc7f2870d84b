//! MQTT: mosquitto, plain, with passwords and over TLS.

use crate::peers::{Authority, Broker, password_file};
use crate::{battery, becomes, start, word};
use ConstraintId::{AcsCollision, CraneMotion, UpsBattery};
use ConstraintState::{Blocking, Clear, Unknown};
use ota_core::{ConstraintId, ConstraintState};
use ota_engine::ports::Clock;
use ota_platform::{
    Credentials, HostPort, LiveSensors, MqttConfig, SensorsConfig, Signal, SourceConfig, SourceKind,
    SystemClock, TlsFiles,
};
use rustix::process::{Pid, Signal as Posix, kill_process};
use std::fs;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const LONG: Duration = Duration::from_secs(60);

fn topic(name: &str) -> Signal {
    Signal::Topic(name.into())
}

fn mqtt(port: u16) -> MqttConfig {
    MqttConfig {
        broker: HostPort { host: "127.0.0.1".into(), port },
        client_id: format!("gateway-ota-test-{port}"),
        credentials: None,
        tls: None,
        accept_retained: false,
    }
}

fn config(mqtt: MqttConfig, max_age: Duration) -> SensorsConfig {
    let (name, kind) = ("plc".to_owned(), SourceKind::Mqtt(mqtt));
    SensorsConfig {
        sources: vec![SourceConfig { name, interval: Duration::from_secs(1), max_age, kind }],
        crane_motion: Some(word("plc", topic("crane/state"), "/motion", "idle")),
        acs_collision: Some(word("plc", topic("acs/state"), "", "clear")),
        ups_battery: Some(battery("plc", topic("ups/state"))),
        ..SensorsConfig::default()
    }
}

async fn connected(sensors: &LiveSensors) {
    becomes(sensors, CraneMotion, Unknown, "no message has arrived yet").await;
}

#[tokio::test]
async fn values_are_followed_and_nonsense_is_unknown() {
    let broker = Broker::start();
    let sensors = start(config(mqtt(broker.port), LONG));
    connected(&sensors).await;
    let before = SystemClock.boot();
    broker.publish("crane/state", r#"{"motion": "idle"}"#);
    broker.publish("acs/state", "clear");
    broker.publish("ups/state", r#"{"ups_battery": 85, "ups_online": true}"#);
    let crane = becomes(&sensors, CraneMotion, Clear, "“idle”").await;
    assert_eq!(crane.source, "MQTT plc, topic crane/state");
    assert!(crane.at >= before, "a reading is as old as the arrival of its message");
    becomes(&sensors, AcsCollision, Clear, "“clear”").await;
    becomes(&sensors, UpsBattery, Clear, "85 %").await;

    broker.publish("crane/state", r#"{"motion": "moving"}"#);
    broker.publish("acs/state", "risk");
    broker.publish("ups/state", r#"{"ups_battery": 85, "ups_online": false}"#);
    becomes(&sensors, CraneMotion, Blocking, "“moving”; it must report “idle”").await;
    becomes(&sensors, AcsCollision, Blocking, "“risk”").await;
    becomes(&sensors, UpsBattery, Blocking, "Mains power is out").await;

    for (message, why) in [
        ("idle", "gives nothing"),
        (r#"{"motion": 1}"#, "another number"),
        (r#"{"motion": ["idle"]}"#, "a list"),
        (" ", "its message is empty"),
    ] {
        broker.publish("crane/state", message);
        becomes(&sensors, CraneMotion, Unknown, why).await;
    }
    broker.publish("crane/state", r#"{"motion": "idle"}"#);
    becomes(&sensors, CraneMotion, Clear, "“idle”").await;
}

#[tokio::test]
async fn a_killed_broker_is_unknown_at_once_and_comes_back() {
    let mut broker = Broker::start();
    let sensors = start(config(mqtt(broker.port), LONG));
    connected(&sensors).await;
    broker.publish("crane/state", r#"{"motion": "idle"}"#);
    becomes(&sensors, CraneMotion, Clear, "idle").await;
    broker.kill();
    let lost = becomes(&sensors, CraneMotion, Unknown, "MQTT plc, topic crane/state gives no value").await;
    assert!(lost.reason.contains("connection"), "{}", lost.reason);
    becomes(&sensors, CraneMotion, Unknown, "connection refused").await;
    broker.up();
    connected(&sensors).await;
    broker.publish("crane/state", r#"{"motion": "idle"}"#);
    becomes(&sensors, CraneMotion, Clear, "idle").await;
}

#[tokio::test]
async fn a_broker_that_hangs_gives_no_sign_of_life() {
    let broker = Broker::start();
    let max_age = Duration::from_secs(2);
    let sensors = start(config(mqtt(broker.port), max_age));
    connected(&sensors).await;
    broker.publish("crane/state", r#"{"motion": "idle"}"#);
    let last = becomes(&sensors, CraneMotion, Clear, "idle").await;
    let broker_process = Pid::from_raw(broker.process().try_into().unwrap()).unwrap();
    kill_process(broker_process, Posix::STOP).unwrap();
    // Its age alone makes it unknown; the connection's end then says why.
    assert_eq!(last.max_age, max_age);
    becomes(&sensors, CraneMotion, Unknown, "gives no value").await;
    kill_process(broker_process, Posix::CONT).unwrap();
    connected(&sensors).await;
}

#[tokio::test]
async fn a_retained_message_counts_only_where_the_configuration_says_so() {
    let broker = Broker::start();
    broker.publish_retained("crane/state", r#"{"motion": "idle"}"#);
    let sensors = start(config(mqtt(broker.port), LONG));
    becomes(&sensors, CraneMotion, Unknown, "nobody knows how old it is").await;
    // The same message, sent while somebody listens, is news.
    broker.publish_retained("crane/state", r#"{"motion": "idle"}"#);
    becomes(&sensors, CraneMotion, Clear, "idle").await;

    let trusting = MqttConfig {
        accept_retained: true,
        client_id: "gateway-ota-test-trusting".into(),
        ..mqtt(broker.port)
    };
    let sensors = start(config(trusting, LONG));
    becomes(&sensors, CraneMotion, Clear, "idle").await;
}

#[tokio::test]
async fn a_wrong_password_is_told_and_a_right_one_needs_no_restart() {
    let directory = tempfile::tempdir().unwrap();
    let (users, password) = (directory.path().join("users"), directory.path().join("password"));
    password_file(&users, "gateway", "s3cret-one");
    let settings = format!("allow_anonymous false\npassword_file {}\n", users.display());
    let broker = Broker::with(&settings, &["-u", "gateway", "-P", "s3cret-one"]);
    let credentials = Some(Credentials { username: "gateway".into(), password_file: password.clone() });
    let sensors = start(config(MqttConfig { credentials, ..mqtt(broker.port) }, LONG));
    becomes(&sensors, CraneMotion, Unknown, "password cannot be read").await;
    fs::write(&password, "s3cret-two\n").unwrap();
    let refused = becomes(&sensors, CraneMotion, Unknown, "the broker refuses this gateway’s login").await;
    assert!(!refused.reason.contains("s3cret"));
    fs::write(&password, "s3cret-one\n").unwrap();
    connected(&sensors).await;
    broker.publish("crane/state", r#"{"motion": "idle"}"#);
    becomes(&sensors, CraneMotion, Clear, "idle").await;
}

#[tokio::test]
async fn what_may_not_be_read_never_arrives() {
    let directory = tempfile::tempdir().unwrap();
    let rights = directory.path().join("rights");
    fs::write(&rights, "topic readwrite crane/state\n").unwrap();
    let broker = Broker::with(&format!("allow_anonymous true\nacl_file {}\n", rights.display()), &[]);
    let sensors = start(config(mqtt(broker.port), LONG));
    connected(&sensors).await;
    broker.publish("acs/state", "clear");
    broker.publish("crane/state", r#"{"motion": "idle"}"#);
    becomes(&sensors, CraneMotion, Clear, "idle").await;
    becomes(&sensors, AcsCollision, Unknown, "no message has arrived yet").await;
}

/// Lets everybody in and refuses the second topic (MQTT 3.1.1, 3.9.3), which mosquitto never does by its lists of rights.
async fn refusing_broker() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut packet = async || {
            let (kind, length) = (stream.read_u8().await.unwrap(), stream.read_u8().await.unwrap());
            let mut rest = vec![0; length.into()];
            stream.read_exact(&mut rest).await.unwrap();
            let answer = match kind >> 4 {
                1 => vec![0x20, 2, 0, 0],
                8 => vec![0x90, 5, rest[0], rest[1], 1, 0x80, 1],
                _ => return,
            };
            stream.write_all(&answer).await.unwrap();
        };
        loop {
            packet().await;
        }
    });
    port
}

#[tokio::test]
async fn a_topic_that_the_broker_refuses_is_told() {
    let sensors = start(config(mqtt(refusing_broker().await), LONG));
    becomes(&sensors, AcsCollision, Unknown, "does not let this gateway read the topic").await;
    becomes(&sensors, CraneMotion, Unknown, "no message has arrived yet").await;
}

#[tokio::test]
async fn over_tls_both_sides_prove_who_they_are() {
    let authority = Authority::new();
    let shown = |name: &str| authority.path(name).display().to_string();
    let settings = format!(
        "allow_anonymous true\ncafile {}\ncertfile {}\nkeyfile {}\nrequire_certificate true\n",
        shown("ca.pem"),
        shown("server.pem"),
        shown("server.key")
    );
    let login =
        ["--cafile", &shown("ca.pem"), "--cert", &shown("gateway.pem"), "--key", &shown("gateway.key")];
    let broker = Broker::with(&settings, &login);
    let identity = Some((authority.path("gateway.pem"), authority.path("gateway.key")));
    let secure = |ca, identity, id: &str| {
        let tls = Some(TlsFiles { ca, identity });
        start(config(MqttConfig { tls, client_id: id.into(), ..mqtt(broker.port) }, LONG))
    };
    let sensors = secure(Some(authority.path("ca.pem")), identity.clone(), "one");
    connected(&sensors).await;
    broker.publish("crane/state", r#"{"motion": "idle"}"#);
    becomes(&sensors, CraneMotion, Clear, "idle").await;

    let stranger = Authority::new();
    let sensors = secure(Some(stranger.path("ca.pem")), identity.clone(), "two");
    becomes(&sensors, CraneMotion, Unknown, "the TLS connection is refused: invalid peer certificate").await;
    let sensors = secure(Some(authority.path("ca.pem")), None, "three");
    becomes(&sensors, CraneMotion, Unknown, "gives no value").await;
    let sensors = secure(Some(authority.path("missing.pem")), identity, "four");
    becomes(&sensors, CraneMotion, Unknown, "missing.pem holds no usable certificate").await;

    let plain = MqttConfig { client_id: "five".into(), ..mqtt(broker.port) };
    let sensors = start(config(plain, LONG));
    becomes(&sensors, CraneMotion, Unknown, "gives no value").await;
}
