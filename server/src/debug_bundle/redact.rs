//! Secrets that have no place in a bundle. The service writes none of them; this is for what others write: addresses in a
//! configuration, variables of a boot environment, messages of other programs.

use regex::Regex;
use std::sync::LazyLock;

const GONE: &str = "[redacted]";

/// What is looked for, and what stays of it.
const PATTERNS: [(&str, &str); 4] = [
    (r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\z)", ""),
    (r"(?i)\b(bearer|basic)\s+[a-z0-9._~+/=-]{6,}", "$1 "),
    (r"://[^/\s@]+@", "://"),
    // A key of which a part is such a word, and its value: `"pin": "1234"`, `wifi_password=x`.
    (
        r#"(?i)("?\b(?:[a-z0-9]+[_.-])*(?:pass|passwd|password|passphrase|psk|secret|token|pin|credentials?|authorization|cookie|api[_-]?key|private[_-]?key)(?:[_.-][a-z0-9]+)*"?\s*[=:]\s*)("(?:[^"\\]|\\.)*"|[^\s,;&}\]]+)"#,
        "$1",
    ),
];

#[expect(clippy::expect_used, reason = "a test compiles each of them")]
static COMPILED: LazyLock<Vec<(Regex, String)>> = LazyLock::new(|| {
    let compile = |(pattern, kept): &(&str, &str)| {
        let replacement =
            if kept.starts_with("://") { format!("{kept}{GONE}@") } else { format!("{kept}{GONE}") };
        (Regex::new(pattern).expect("a pattern of the program"), replacement)
    };
    PATTERNS.iter().map(compile).collect()
});

/// The text without secrets.
#[must_use]
pub(super) fn redacted(text: &str) -> String {
    COMPILED.iter().fold(text.to_owned(), |text, (pattern, replacement)| {
        pattern.replace_all(&text, replacement.as_str()).into_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::redacted;

    #[test]
    fn secrets_go_and_the_rest_stays() {
        for (text, shown) in [
            ("https://name:word@host/x", "https://[redacted]@host/x"),
            ("mqtt://token@host", "mqtt://[redacted]@host"),
            ("Authorization: Bearer abc.def-123", "Authorization: [redacted] [redacted]"),
            ("sent Bearer abc.def-123 to it", "sent Bearer [redacted] to it"),
            (r#"{"pin": "4711", "reason": "x"}"#, r#"{"pin": [redacted], "reason": "x"}"#),
            ("pin=4711&x=1", "pin=[redacted]&x=1"),
            ("wifi_password=geheim rest", "wifi_password=[redacted] rest"),
            ("password = \"a \\\" b\"\nnext = 1", "password = [redacted]\nnext = 1"),
            ("session_token=0123; path", "session_token=[redacted]; path"),
            ("a\n-----BEGIN EC PRIVATE KEY-----\nx\n-----END EC PRIVATE KEY-----\nb", "a\n[redacted]\nb"),
            ("-----BEGIN PRIVATE KEY-----\ncut off", "[redacted]"),
            ("spinning: fast, mapping=3, tokens left", "spinning: fast, mapping=3, tokens left"),
            ("sha256: 0123abcd, http://host/a@b", "sha256: 0123abcd, http://host/a@b"),
        ] {
            assert_eq!(redacted(text), shown, "{text}");
        }
    }
}
