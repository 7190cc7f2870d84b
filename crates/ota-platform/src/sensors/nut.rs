//! A source that is a server of Network UPS Tools: its line protocol (RFC 9271), plain or over TLS.

use super::address::HostPort;
use super::fault;
use super::poll::Peer;
use super::rule::Rule;
use super::secret::{self, Credentials};
use super::source::Answer;
use super::tls::TlsFiles;
use async_trait::async_trait;
use rustls::pki_types::ServerName;
use serde_json::{Map, Value, json};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Port of `upsd` (RFC 9271, 8).
pub const NUT_PORT: u16 = 3493;
/// Longest line that is read.
const MAX_LINE: u64 = 1024;

/// Which UPS of which server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NutConfig {
    pub address: HostPort,
    /// Name of the UPS on the server.
    pub ups: String,
    /// Where they are given, the gateway logs in, and the server counts it among those whom the UPS feeds.
    pub credentials: Option<Credentials>,
    /// `STARTTLS` and these files; plain where there is none.
    pub tls: Option<TlsFiles>,
}

trait Stream: AsyncRead + AsyncWrite + Send + Sync + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Stream for T {}

type Lines = BufReader<Box<dyn Stream>>;

/// Asks for status, charge and runtime, over a connection that is kept.
pub(super) struct NutPeer {
    config: NutConfig,
    /// Taken out while something is said, so that nothing half said is gone on with.
    lines: Option<Lines>,
    /// The server wants to go down and waits for those who are logged in.
    going_down: bool,
}

impl NutPeer {
    pub(super) const fn new(config: NutConfig) -> Self {
        Self { config, lines: None, going_down: false }
    }

    async fn connect(&self) -> Result<Lines, String> {
        let HostPort { host, port } = &self.config.address;
        let stream =
            TcpStream::connect((host.as_str(), *port)).await.map_err(|error| fault::clause(&error))?;
        let mut lines: Lines = BufReader::new(Box::new(stream));
        if let Some(files) = &self.config.tls {
            lines = self.encrypt(lines, files).await?;
        }
        if let (Some(credentials), false) = (&self.config.credentials, self.going_down) {
            let password = secret::read(&credentials.password_file).await?;
            command(&mut lines, &format!("USERNAME {}", quoted(&credentials.username))).await?;
            command(&mut lines, &format!("PASSWORD {}", quoted(password.expose()))).await?;
            // Only this makes the server compare them.
            command(&mut lines, &format!("LOGIN {}", self.config.ups)).await?;
        }
        Ok(lines)
    }

    async fn encrypt(&self, mut lines: Lines, files: &TlsFiles) -> Result<Lines, String> {
        let connector = TlsConnector::from(files.client()?);
        let name = ServerName::try_from(self.config.address.host.clone());
        let name = name.map_err(|_| "its name cannot stand in a certificate".to_owned())?;
        command(&mut lines, "STARTTLS").await?;
        if !lines.buffer().is_empty() {
            return Err("it says more than it should before TLS begins".to_owned());
        }
        let stream =
            connector.connect(name, lines.into_inner()).await.map_err(|error| fault::clause(&error))?;
        Ok(BufReader::new(Box::new(stream)))
    }

    /// The variables as a document: `charge`, `online`, `runtime` and `complaint`, as far as there are any.
    async fn document(&self, lines: &mut Lines) -> Result<(Value, bool), String> {
        let ups = &self.config.ups;
        let status = variable(lines, ups, "ups.status").await?;
        let status = Status::read(status.as_deref().unwrap_or_default())?;
        let mut document = Map::new();
        document.insert("online".to_owned(), json!(status.online));
        for (key, name) in [("charge", "battery.charge"), ("runtime", "battery.runtime")] {
            if let Some(text) = variable(lines, ups, name).await? {
                let number = text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
                let number =
                    number.ok_or_else(|| format!("{name} is “{}”, which is no number", short(&text)))?;
                document.insert(key.to_owned(), json!(number));
            }
        }
        if let Some(complaint) = status.complaint() {
            document.insert("complaint".to_owned(), json!(complaint));
        }
        Ok((Value::Object(document), status.going_down))
    }
}

#[async_trait]
impl Peer for NutPeer {
    async fn ask(&mut self, rules: &[Rule]) -> Result<Vec<Answer>, String> {
        let mut lines = match self.lines.take() {
            Some(lines) => lines,
            None => self.connect().await?,
        };
        let (document, going_down) = self.document(&mut lines).await?;
        if going_down && !self.going_down {
            // Whoever stays logged in would delay the shutdown; the next connection only reads.
            drop(lines);
        } else {
            self.lines = Some(lines);
        }
        self.going_down = going_down;
        Ok(rules.iter().map(|_| Ok(document.clone())).collect())
    }
}

/// The words of `ups.status` that matter.
#[derive(Debug, PartialEq, Eq)]
struct Status {
    online: bool,
    going_down: bool,
    complaints: Vec<&'static str>,
}

impl Status {
    fn read(text: &str) -> Result<Self, String> {
        let has = |word: &str| text.split_ascii_whitespace().any(|found| found == word);
        let complaints = [
            ("LB", "the UPS says that its battery is low (LB)"),
            ("FSD", "the UPS is being shut down (FSD)"),
            ("OFF", "the UPS is off (OFF)"),
            ("BYPASS", "the UPS is bypassed (BYPASS)"),
            ("OVER", "the UPS is overloaded (OVER)"),
        ];
        let complaints: Vec<_> =
            complaints.into_iter().filter(|(word, _)| has(word)).map(|(_, clause)| clause).collect();
        if !has("OL") && !has("OB") && complaints.is_empty() {
            let shown = short(text);
            return Err(format!("ups.status is “{shown}”, which says neither OL nor OB"));
        }
        Ok(Self { online: has("OL") && !has("OB"), going_down: has("FSD"), complaints })
    }

    fn complaint(&self) -> Option<String> {
        (!self.complaints.is_empty()).then(|| self.complaints.join("; "))
    }
}

/// `None` when the UPS has no such variable.
async fn variable(lines: &mut Lines, ups: &str, name: &str) -> Result<Option<String>, String> {
    send(lines, &format!("GET VAR {ups} {name}")).await?;
    let answer = line(lines).await?;
    if let Some(code) = error_code(&answer) {
        return if code == "VAR-NOT-SUPPORTED" { Ok(None) } else { Err(refusal(code)) };
    }
    let value = answer.strip_prefix(&format!("VAR {ups} {name} ")).and_then(unquoted);
    value.map(Some).ok_or_else(|| "what answers there is no NUT server".to_owned())
}

/// A command whose answer is `OK`.
async fn command(lines: &mut Lines, text: &str) -> Result<(), String> {
    send(lines, text).await?;
    let answer = line(lines).await?;
    match error_code(&answer) {
        Some(code) => Err(refusal(code)),
        None if answer.split_ascii_whitespace().next() == Some("OK") => Ok(()),
        None => Err("what answers there is no NUT server".to_owned()),
    }
}

async fn send(lines: &mut Lines, text: &str) -> Result<(), String> {
    lines.write_all(format!("{text}\n").as_bytes()).await.map_err(|error| fault::clause(&error))?;
    lines.flush().await.map_err(|error| fault::clause(&error))
}

async fn line(lines: &mut Lines) -> Result<String, String> {
    let mut bytes = Vec::new();
    let read = lines.take(MAX_LINE).read_until(b'\n', &mut bytes).await;
    match read.map_err(|error| fault::clause(&error))? {
        0 => Err("it closed the connection".to_owned()),
        _ if bytes.last() != Some(&b'\n') => Err("its answer is cut off or too long".to_owned()),
        _ => String::from_utf8(bytes)
            .map(|text| text.trim_end().to_owned())
            .map_err(|_| "its answer is not text".to_owned()),
    }
}

fn error_code(answer: &str) -> Option<&str> {
    answer.strip_prefix("ERR ").and_then(|rest| rest.split_ascii_whitespace().next())
}

/// RFC 9271, 5.
fn refusal(code: &str) -> String {
    match code {
        "DATA-STALE" => "the UPS’s driver has stopped reporting (DATA-STALE)".to_owned(),
        "DRIVER-NOT-CONNECTED" => "the UPS’s driver does not run (DRIVER-NOT-CONNECTED)".to_owned(),
        "UNKNOWN-UPS" => "the server knows no UPS of this name (UNKNOWN-UPS)".to_owned(),
        "ACCESS-DENIED" | "INVALID-PASSWORD" | "INVALID-USERNAME" | "USERNAME-REQUIRED"
        | "PASSWORD-REQUIRED" => {
            format!("the server refuses this gateway’s login ({code})")
        }
        "FEATURE-NOT-CONFIGURED" | "FEATURE-NOT-SUPPORTED" => format!("the server offers no TLS ({code})"),
        other => format!("the server answers with an error ({})", short(other)),
    }
}

/// As much of a foreign text as a sentence can bear.
fn short(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(32).collect()
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The text between quotes, with `\` before a quote or a backslash taken away.
fn unquoted(text: &str) -> Option<String> {
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    let mut value = String::new();
    let mut letters = inner.chars();
    while let Some(letter) = letters.next() {
        value.push(if letter == '\\' { letters.next()? } else { letter });
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_status_are_weighed() {
        for (text, online, complaint) in [
            ("OL", true, None),
            ("OL CHRG", true, None),
            ("OL RB", true, None),
            ("OB DISCHRG", false, None),
            ("OB LB", false, Some("(LB)")),
            ("OL OB", false, None),
            ("FSD OL", true, Some("(FSD)")),
            ("OFF", false, Some("(OFF)")),
            ("BYPASS OL", true, Some("(BYPASS)")),
        ] {
            let status = Status::read(text).unwrap();
            assert_eq!(status.online, online, "{text}");
            let found = status.complaint();
            assert_eq!(found.is_some(), complaint.is_some(), "{text}");
            assert!(complaint.is_none_or(|wanted| found.unwrap().contains(wanted)), "{text}");
        }
        for text in ["", "WAIT", "OLD", "garbage"] {
            assert!(Status::read(text).unwrap_err().contains("neither OL nor OB"), "{text}");
        }
    }

    #[test]
    fn quotes_go_there_and_back() {
        for text in ["plain", "with \"quotes\"", "back\\slash", ""] {
            assert_eq!(unquoted(&quoted(text)).as_deref(), Some(text));
        }
        assert_eq!(unquoted("\"open"), None);
        assert_eq!(unquoted("\"\\\""), None);
        assert_eq!(unquoted("\""), None);
    }
}
