//! A source that is a broker: MQTT 3.1.1, plain or over TLS.
//!
//! A reading is as old as the arrival of its message, and the end of a connection makes everything that came over it unknown at
//! once. A retained message is of unknown age and counts only where the configuration says so.

use super::address::HostPort;
use super::fault;
use super::poll::pauses;
use super::rule::{Rule, Signal};
use super::secret::{self, Credentials};
use super::source::Source;
use super::tls::TlsFiles;
use rumqttc::{
    AsyncClient, Broker, ConnectReturnCode, ConnectionError, Event, EventLoop, MqttOptions, Packet, Publish,
    QoS, StateError, SubAck, SubscribeFilterInput, SubscribeReasonCode, TlsConfiguration, Transport,
};
use serde_json::Value;
use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};

/// Longer packets end the connection: signals are short.
const MAX_PACKET: usize = 64 << 10;
/// Requests that wait for being sent; there is one a connection.
const REQUESTS: usize = 4;
/// A topic that is repeated has spoken by then.
const PATIENCE: Duration = Duration::from_secs(2);
const NOTHING: &str = "no message has arrived yet";
const ONLY_KEPT: &str = "only a message that the broker had kept has arrived, and nobody knows how old it is";
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// Longest time between two signs of life of the connection.
const LONGEST_KEEP_ALIVE: u64 = 30;

/// Where the broker is, and as whom it is met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MqttConfig {
    pub broker: HostPort,
    pub client_id: String,
    pub credentials: Option<Credentials>,
    /// TLS; plain where there is none.
    pub tls: Option<TlsFiles>,
    /// Whether a message that the broker had kept counts as one that was sent at its arrival.
    pub accept_retained: bool,
}

/// From `host`, `host:port`, `mqtt://host:port` or `mqtts://host:port`: the place, and whether TLS is spoken.
#[must_use]
pub fn parse_broker(text: &str) -> Option<(HostPort, bool)> {
    match text.split_once("://") {
        None => Some((HostPort::parse(text, 1883)?, false)),
        Some(("mqtt", rest)) => Some((HostPort::parse(rest.trim_end_matches('/'), 1883)?, false)),
        Some(("mqtts", rest)) => Some((HostPort::parse(rest.trim_end_matches('/'), 8883)?, true)),
        Some(_) => None,
    }
}

/// Whether `text` is the name of one topic (MQTT 3.1.1, 4.7): no wildcard, no NUL.
#[must_use]
pub fn is_topic(text: &str) -> bool {
    !text.is_empty() && text.len() <= 1024 && !text.contains(['+', '#', '\0'])
}

/// Listens for ever, reconnecting as often as it takes.
pub(super) async fn run(config: MqttConfig, source: Source) {
    let mut pauses = pauses(FIRST_PAUSE);
    loop {
        let missing = topics(&source).into_iter().map(|topic| (topic, NOTHING)).collect();
        let mut connection = Connection { config: &config, source: &source, connected: None, missing };
        let why = connection.listen().await;
        source.silent(&why);
        if connection.connected.is_some() {
            pauses = self::pauses(FIRST_PAUSE);
        }
        sleep(pauses.next().unwrap_or(FIRST_PAUSE)).await;
    }
}

struct Connection<'a> {
    config: &'a MqttConfig,
    source: &'a Source,
    /// Since when the broker lets the gateway in.
    connected: Option<Instant>,
    /// What has not arrived over this connection, and why that is.
    missing: BTreeMap<&'a str, &'static str>,
}

impl Connection<'_> {
    /// Listens until the connection ends, and returns why it did.
    async fn listen(&mut self) -> String {
        let (client, mut events) = match self.open().await {
            Ok(opened) => opened,
            Err(why) => return why,
        };
        loop {
            match self.next(&mut events).await {
                Ok(Event::Incoming(Packet::ConnAck(_))) => {
                    self.connected = Some(Instant::now());
                    if let Err(why) = self.subscribe(&client) {
                        return why;
                    }
                }
                Ok(Event::Incoming(Packet::SubAck(answer))) => self.refused(&answer),
                Ok(Event::Incoming(Packet::Publish(message))) => self.take(&message),
                Ok(_) => {}
                Err(error) => return explain(&error),
            }
        }
    }

    /// The next event; what has not arrived in time is told of while it is waited for.
    async fn next(&mut self, events: &mut EventLoop) -> Result<Event, ConnectionError> {
        let mut event = pin!(events.poll());
        if let Some(connected) = self.connected.filter(|_| !self.missing.is_empty()) {
            let patience = PATIENCE.min(self.source.max_age);
            if let Ok(event) = timeout_at(connected + patience, &mut event).await {
                return event;
            }
            for (topic, why) in std::mem::take(&mut self.missing) {
                self.note(topic, &Err(why.to_owned()));
            }
        }
        event.await
    }

    async fn open(&self) -> Result<(AsyncClient, EventLoop), String> {
        let HostPort { host, port } = &self.config.broker;
        let mut options = MqttOptions::new(&self.config.client_id, Broker::tcp(host, *port));
        let keep_alive = (self.source.max_age.as_secs() / 2).clamp(1, LONGEST_KEEP_ALIVE);
        options.set_keep_alive(u16::try_from(keep_alive).unwrap_or(1));
        options.set_clean_session(true);
        options.set_max_packet_size(MAX_PACKET, MAX_PACKET);
        if let Some(credentials) = &self.config.credentials {
            let password = secret::read(&credentials.password_file).await?;
            options.set_credentials(&credentials.username, password.expose().to_owned());
        }
        if let Some(tls) = &self.config.tls {
            let tls = TlsConfiguration::Rustls(tls.client()?);
            options.set_transport(Transport::tls_with_config(tls));
        }
        Ok(AsyncClient::builder(options).capacity(REQUESTS).build())
    }

    fn subscribe(&self, client: &AsyncClient) -> Result<(), String> {
        let topics =
            topics(self.source).into_iter().map(|topic| SubscribeFilterInput::new(topic, QoS::AtLeastOnce));
        client.try_subscribe_many(topics).map_err(|_| "the topics cannot be subscribed".to_owned())
    }

    /// The broker may refuse a topic and keep the connection (3.9.3).
    fn refused(&mut self, answer: &SubAck) {
        for (topic, code) in topics(self.source).into_iter().zip(&answer.return_codes) {
            if matches!(code, SubscribeReasonCode::Failure) {
                self.missing.remove(topic);
                self.note(topic, &Err("the broker does not let this gateway read the topic".to_owned()));
            }
        }
    }

    fn take(&mut self, message: &Publish) {
        let Ok(topic) = std::str::from_utf8(&message.topic) else { return };
        if message.retain && !self.config.accept_retained {
            // It comes once, right after the subscription; a new one may follow.
            if let Some(why) = self.missing.get_mut(topic) {
                *why = ONLY_KEPT;
            }
        } else {
            self.missing.remove(topic);
            self.note(topic, &read(&message.payload));
        }
    }

    fn note(&self, of: &str, answer: &Result<Value, String>) {
        let now = self.source.clock.boot();
        for rule in self.source.rules.iter().filter(|rule| topic(rule) == Some(of)) {
            self.source.heard(rule, answer, now);
        }
    }
}

/// Every topic once, in the order of the rules.
fn topics(source: &Source) -> Vec<&str> {
    let mut topics: Vec<&str> = Vec::new();
    for topic in source.rules.iter().filter_map(topic) {
        if !topics.contains(&topic) {
            topics.push(topic);
        }
    }
    topics
}

fn topic(rule: &Rule) -> Option<&str> {
    match rule.signal() {
        Signal::Topic(topic) => Some(topic),
        _ => None,
    }
}

/// A message is JSON, or a bare word.
fn read(payload: &[u8]) -> Result<Value, String> {
    match std::str::from_utf8(payload) {
        Ok(text) if text.trim().is_empty() => Err("its message is empty".to_owned()),
        Ok(text) => Ok(serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.trim().to_owned()))),
        Err(_) => Err("its message is not text".to_owned()),
    }
}

fn explain(error: &ConnectionError) -> String {
    use ConnectReturnCode as Code;
    match error {
        ConnectionError::ConnectionRefused(Code::BadUserNamePassword | Code::NotAuthorized) => {
            "the broker refuses this gateway’s login".to_owned()
        }
        ConnectionError::ConnectionRefused(Code::BadClientId) => {
            "the broker refuses the client id".to_owned()
        }
        ConnectionError::ConnectionRefused(Code::RefusedProtocolVersion) => {
            "the broker does not speak MQTT 3.1.1".to_owned()
        }
        ConnectionError::ConnectionRefused(_) => "the broker refuses connections for now".to_owned(),
        ConnectionError::NetworkTimeout | ConnectionError::FlushTimeout => {
            "the broker cannot be reached in time".to_owned()
        }
        ConnectionError::NotConnAck(_) => "what answers there is no MQTT broker".to_owned(),
        ConnectionError::MqttState(StateError::AwaitPingResp) => {
            "the broker gives no sign of life".to_owned()
        }
        ConnectionError::MqttState(StateError::ConnectionAborted) => {
            "the broker closed the connection".to_owned()
        }
        ConnectionError::MqttState(StateError::Deserialization(_)) => {
            "what arrives is not MQTT, or too long".to_owned()
        }
        other => fault::clause(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn brokers_are_addresses_or_urls() {
        for (text, place) in [
            ("plc", Some(("plc:1883", false))),
            ("plc:1000", Some(("plc:1000", false))),
            ("mqtt://plc", Some(("plc:1883", false))),
            ("mqtts://plc/", Some(("plc:8883", true))),
            ("mqtts://[::1]:9", Some(("[::1]:9", true))),
            ("http://plc", None),
            ("mqtt://name:secret@plc", None),
            ("mqtt://plc/path", None),
        ] {
            let found = parse_broker(text).map(|(place, tls)| (place.to_string(), tls));
            assert_eq!(found.as_ref().map(|(place, tls)| (place.as_str(), *tls)), place, "{text}");
        }
        assert!(is_topic("crane/state") && !is_topic("crane/#") && !is_topic("+/state") && !is_topic(""));
    }

    #[test]
    fn messages_are_json_or_a_word() {
        assert_eq!(read(b"{\"a\":1}"), Ok(json!({"a": 1})));
        assert_eq!(read(b" idle \n"), Ok(json!("idle")));
        assert_eq!(read(b"\"idle\""), Ok(json!("idle")));
        assert_eq!(read(b"1"), Ok(json!(1)));
        assert!(read(b" ").is_err() && read(&[0xff]).is_err());
    }
}
