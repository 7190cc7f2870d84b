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
use std::time::Duration;

/// Longer packets end the connection: signals are short.
const MAX_PACKET: usize = 64 << 10;
/// Requests that wait for being sent; there is one a connection.
const REQUESTS: usize = 4;
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
        let mut connection = Connection { config: &config, source: &source, worked: false };
        let why = connection.listen().await;
        source.silent(&why);
        if connection.worked {
            pauses = self::pauses(FIRST_PAUSE);
        }
        tokio::time::sleep(pauses.next().unwrap_or(FIRST_PAUSE)).await;
    }
}

struct Connection<'a> {
    config: &'a MqttConfig,
    source: &'a Source,
    /// Whether the broker let the gateway in.
    worked: bool,
}

impl Connection<'_> {
    /// Listens until the connection ends, and returns why it did.
    async fn listen(&mut self) -> String {
        let (client, mut events) = match self.open().await {
            Ok(opened) => opened,
            Err(why) => return why,
        };
        loop {
            match events.poll().await {
                Ok(Event::Incoming(Packet::ConnAck(_))) => {
                    self.worked = true;
                    self.source.silent("no message has arrived yet");
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

    /// Every topic once, in the order of the rules.
    fn topics(&self) -> Vec<&str> {
        let mut topics: Vec<&str> = Vec::new();
        for topic in self.source.rules.iter().filter_map(topic) {
            if !topics.contains(&topic) {
                topics.push(topic);
            }
        }
        topics
    }

    fn subscribe(&self, client: &AsyncClient) -> Result<(), String> {
        let topics =
            self.topics().into_iter().map(|topic| SubscribeFilterInput::new(topic, QoS::AtLeastOnce));
        client.try_subscribe_many(topics).map_err(|_| "the topics cannot be subscribed".to_owned())
    }

    /// The broker may refuse a topic and keep the connection (3.9.3).
    fn refused(&self, answer: &SubAck) {
        for (topic, code) in self.topics().into_iter().zip(&answer.return_codes) {
            if matches!(code, SubscribeReasonCode::Failure) {
                self.note(topic, &Err("the broker does not let this gateway read the topic".to_owned()));
            }
        }
    }

    fn take(&self, message: &Publish) {
        let Ok(topic) = std::str::from_utf8(&message.topic) else { return };
        let answer = if message.retain && !self.config.accept_retained {
            Err("only a message that the broker had kept has arrived, and nobody knows how old it is"
                .to_owned())
        } else {
            read(&message.payload)
        };
        self.note(topic, &answer);
    }

    fn note(&self, of: &str, answer: &Result<Value, String>) {
        let now = self.source.clock.boot();
        for rule in self.source.rules.iter().filter(|rule| topic(rule) == Some(of)) {
            self.source.heard(rule, answer, now);
        }
    }
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
