//! Secrets that have no place in a bundle. The service writes none of them; this is for what others write: addresses in a
//! configuration, variables of a boot environment, messages of other programs. Where values have names, the names decide.

use regex::Regex;
use serde::Serialize;
use serde_json::Value;
use std::sync::LazyLock;

const GONE: &str = "[redacted]";

/// Names of secrets, wherever they stand in a name, and those that count only as a word of it.
const SECRET: [&str; 9] =
    ["passw", "passphrase", "secret", "token", "credential", "authorization", "cookie", "psk", "pwd"];
const SECRET_WORDS: [&str; 4] = ["pass", "pin", "key", "cred"];

/// Whether what has this name is a secret.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let mut words = name.split(|c: char| !c.is_ascii_alphabetic());
    SECRET.iter().any(|part| name.contains(part))
        || words.any(|word| SECRET_WORDS.contains(&word) || word.ends_with("apikey"))
}

/// What is looked for in a text, and what stays of it.
const PATTERNS: [(&str, &str); 4] = [
    (r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\z)", GONE),
    (r"(?i)\b(bearer|basic)\s+[a-z0-9._~+/=-]{6,}", "$1 [redacted]"),
    // Up to the last @ before the path: a password may hold one.
    (r#"://[^/\s"']+@"#, "://[redacted]@"),
    (
        r#"(?ix)
        (\\?["']?\b[a-z0-9_.-]*
            (?:passw(?:or)?d|passphrase|psk|pwd|secret|token|credentials?|authorization|cookie|api[_-]?key|private[_-]?key
              |(?:\b|_)pin(?:\b|_)|pass\b)
        [a-z0-9_.-]*\\?["']?\s*[=:]\s*)
        (?:\\"(?:[^"\\]|\\[^"])*\\"|"(?:[^"\\]|\\.)*"|'[^']*'|[^\s,;&}\]"']+)"#,
        "${1}[redacted]",
    ),
];

#[expect(clippy::expect_used, reason = "a test compiles each of them")]
static COMPILED: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let compile = |(pattern, kept): &(&str, &'static str)| {
        (Regex::new(pattern).expect("a pattern of the program"), *kept)
    };
    PATTERNS.iter().map(compile).collect()
});

/// A text without what looks like a secret.
#[must_use]
pub(super) fn redacted(text: &str) -> String {
    COMPILED
        .iter()
        .fold(text.to_owned(), |text, (pattern, kept)| pattern.replace_all(&text, *kept).into_owned())
}

/// A value of this name without secrets. A path is none, whatever its name says.
#[must_use]
pub(super) fn named(name: &str, value: &str) -> String {
    if is_secret(name) && !value.starts_with('/') && !value.is_empty() {
        GONE.to_owned()
    } else {
        redacted(value)
    }
}

/// The value without secrets, still a value of its form.
#[must_use]
pub(super) fn tree(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(redacted(&text)),
        Value::Array(items) => items.into_iter().map(tree).collect(),
        Value::Object(members) => members.into_iter().map(member).collect(),
        other => other,
    }
}

fn member((name, value): (String, Value)) -> (String, Value) {
    let value = match value {
        Value::String(text) => Value::String(named(&name, &text)),
        Value::Number(_) if is_secret(&name) => Value::String(GONE.to_owned()),
        other => tree(other),
    };
    (name, value)
}

/// A configuration as TOML, without secrets.
///
/// # Errors
/// When it is none that TOML can hold.
pub fn shown_configuration(configuration: &impl Serialize) -> Result<String, toml::ser::Error> {
    let text = toml::to_string_pretty(&toml_tree(toml::Value::try_from(configuration)?))?;
    Ok(text)
}

fn toml_tree(value: toml::Value) -> toml::Value {
    use toml::Value as T;
    match value {
        T::String(text) => T::String(redacted(&text)),
        T::Array(items) => T::Array(items.into_iter().map(toml_tree).collect()),
        T::Table(table) => T::Table(
            table
                .into_iter()
                .map(|(name, value)| match value {
                    T::String(text) => (name.clone(), T::String(named(&name, &text))),
                    other => (name, toml_tree(other)),
                })
                .collect(),
        ),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::{named, redacted, shown_configuration, tree};
    use serde_json::json;

    #[test]
    fn secrets_go_from_texts_and_the_rest_stays() {
        for (text, shown) in [
            ("https://name:word@host/x", "https://[redacted]@host/x"),
            ("https://name:p@ss@host/x@y", "https://[redacted]@host/x@y"),
            ("mqtt://token@host", "mqtt://[redacted]@host"),
            ("sent Bearer abc.def-123 to it", "sent Bearer [redacted] to it"),
            (r#"{"pin": "4711", "reason": "x"}"#, r#"{"pin": [redacted], "reason": "x"}"#),
            (r#"{\"password\": \"x y\", \"a\": 1}"#, r#"{\"password\": [redacted], \"a\": 1}"#),
            ("pin=4711&x=1", "pin=[redacted]&x=1"),
            ("wifipassword=geheim", "wifipassword=[redacted]"),
            ("password = 'a \"b c' x", "password = [redacted] x"),
            ("password2: x", "password2: [redacted]"),
            ("session_token=0123; path", "session_token=[redacted]; path"),
            ("a\n-----BEGIN EC PRIVATE KEY-----\nx\n-----END EC PRIVATE KEY-----\nb", "a\n[redacted]\nb"),
            ("-----BEGIN PRIVATE KEY-----\ncut off", "[redacted]"),
            ("spinning: fast, mapping=3, 5 tests passed", "spinning: fast, mapping=3, 5 tests passed"),
            ("sha256: 0123abcd, http://host/a@b", "sha256: 0123abcd, http://host/a@b"),
        ] {
            assert_eq!(redacted(text), shown, "{text}");
        }
    }

    #[test]
    fn names_decide_about_values() {
        for name in [
            "wifi_password",
            "wpapsk",
            "rootpwd",
            "aes_key",
            "_pass",
            "wifi.key",
            "apikey",
            "PIN",
            "dongle_pin2",
        ] {
            assert_eq!(named(name, "correct horse, battery; staple"), "[redacted]", "{name}");
        }
        for name in ["monkey", "bypass_mode", "pinned", "BOOT_ORDER", "bootcmd"] {
            assert_eq!(named(name, "A B"), "A B", "{name}");
        }
        assert_eq!(named("password_file", "/etc/gateway-ota/mqtt"), "/etc/gateway-ota/mqtt");
    }

    #[test]
    fn what_is_shown_is_still_json_and_toml() {
        let value = json!({ "pin": 4711, "note": "it is pin=4711", "list": [{ "secret": "x" }], "count": 3 });
        let shown = tree(value);
        assert_eq!(
            shown,
            json!({ "pin": "[redacted]", "note": "it is pin=[redacted]", "list": [{ "secret": "[redacted]" }], "count": 3 })
        );
        let config =
            json!({ "a": { "url": "https://n:p@ss@host/", "password_file": "/x/y", "password": "it's" } });
        let shown: toml::Table = shown_configuration(&config).unwrap().parse().unwrap();
        assert_eq!(shown["a"]["url"].as_str(), Some("https://[redacted]@host/"));
        assert_eq!(shown["a"]["password"].as_str(), Some("[redacted]"));
        assert_eq!(shown["a"]["password_file"].as_str(), Some("/x/y"));
    }
}
