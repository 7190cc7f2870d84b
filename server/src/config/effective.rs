//! What is in force, for people to read: each value with its origin.

use super::layers::{Layers, Origin};
use toml::Value;

/// One key.
#[derive(Debug, Clone, PartialEq)]
pub struct Effective {
    /// Dotted.
    pub key: String,
    /// With secrets left out.
    pub value: Value,
    pub origin: Origin,
}

/// By key. Keys that are neither set nor have a default are not listed.
pub(super) fn list(layers: &Layers) -> Vec<Effective> {
    let mut all: Vec<_> = layers
        .entries()
        .map(|(key, value, origin)| Effective { key, value: without_secrets(value), origin })
        .collect();
    all.sort_by(|left, right| left.key.cmp(&right.key));
    all
}

/// The only secrets that a configuration can hold are passwords inside addresses.
fn without_secrets(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(without_password(&text)),
        Value::Array(values) => Value::Array(values.into_iter().map(without_secrets).collect()),
        Value::Table(table) => {
            Value::Table(table.into_iter().map(|(key, value)| (key, without_secrets(value))).collect())
        }
        other => other,
    }
}

/// `https://name:password@host/` → `https://***@host/`.
fn without_password(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    match authority.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://***@{host}{path}"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_in_addresses_are_left_out_and_nothing_else_is() {
        for (text, shown) in [
            ("https://a:b@host:80/x@y", "https://***@host:80/x@y"),
            ("https://token@host", "https://***@host"),
            ("http://host/a@b", "http://host/a@b"),
            ("http://u:p/w@h", "http://u:p/w@h"),
            ("a@b", "a@b"),
        ] {
            assert_eq!(without_password(text), shown);
        }
    }
}
