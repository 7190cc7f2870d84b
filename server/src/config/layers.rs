//! Layers of keys and values, merged into one table that remembers who set what.

use super::{Config, ConfigError};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

const PREFIX: &str = "GATEWAY_OTA__";

/// Who set a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    Default,
    File(PathBuf),
    /// The variable's name.
    Environment(String),
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// The merged table. Lists are replaced as a whole, never merged.
#[derive(Debug)]
pub(super) struct Layers {
    table: Table,
    origins: BTreeMap<String, Origin>,
}

impl Layers {
    pub(super) fn defaults() -> Result<Self, ConfigError> {
        let table = Table::try_from(Config::default()).map_err(shape)?;
        Ok(Self { table, origins: BTreeMap::new() })
    }

    /// Lays a file's keys over what is there. The file is read by itself first, so that an error shows its line.
    pub(super) fn add_file(&mut self, path: &Path, text: &str) -> Result<(), ConfigError> {
        let failed =
            |error: toml::de::Error| ConfigError::File { path: path.to_owned(), message: error.to_string() };
        toml::from_str::<Config>(text).map_err(failed)?;
        let table: Table = text.parse().map_err(failed)?;
        for (key, value) in leaves(&table) {
            self.set(&key, value, Origin::File(path.to_owned()));
        }
        Ok(())
    }

    /// Lays the product's variables over what is there. A variable's text is read as what its key is by default.
    pub(super) fn add_environment(&mut self, variables: &[(OsString, OsString)]) -> Result<(), ConfigError> {
        let mut ours: Vec<_> =
            variables.iter().filter_map(|(name, text)| Some((ours(name)?, text))).collect();
        ours.sort();
        for (name, text) in ours {
            let text = text.to_str().ok_or_else(|| variable(&name, "is not UTF-8"))?;
            let key = self.key_of(&name);
            let value =
                read_as(self.get(&key), text).map_err(|kind| variable(&name, &format!("is not {kind}")))?;
            self.set(&key, value, Origin::Environment(name.clone()));
            // Now, while it is known who is to blame.
            self.config()
                .map_err(|error| variable(&name, &format!("sets “{key}”, which cannot be: {error}")))?;
        }
        Ok(())
    }

    pub(super) fn add_flag(&mut self, key: &str, flag: &'static str, text: &str) {
        self.set(key, Value::String(text.to_owned()), Origin::Flag(flag));
    }

    pub(super) fn config(&self) -> Result<Config, ConfigError> {
        self.table.clone().try_into().map_err(shape)
    }

    /// Every key with its value and origin.
    pub(super) fn entries(&self) -> impl Iterator<Item = (String, Value, Origin)> {
        leaves(&self.table).into_iter().map(|(key, value)| {
            let origin = self.origins.get(&key).cloned().unwrap_or(Origin::Default);
            (key, value, origin)
        })
    }

    fn get(&self, key: &str) -> Option<&Value> {
        let mut parts = key.split('.');
        let first = self.table.get(parts.next()?)?;
        parts.try_fold(first, |value, part| value.get(part))
    }

    fn set(&mut self, key: &str, value: Value, origin: Origin) {
        let mut table = &mut self.table;
        let mut parts = key.split('.').peekable();
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                table.insert(part.to_owned(), value);
                break;
            }
            let next = table.entry(part.to_owned()).or_insert_with(|| Value::Table(Table::new()));
            if !next.is_table() {
                *next = Value::Table(Table::new());
            }
            match next {
                Value::Table(inner) => table = inner,
                _ => return,
            }
        }
        self.origins.insert(key.to_owned(), origin);
    }

    /// `GATEWAY_OTA__SLOTS__A__ROOTFS` → `slots.A.rootfs`: as the keys that exist are spelled, else in lower case.
    fn key_of(&self, name: &str) -> String {
        let mut table = Some(&self.table);
        let mut key = Vec::new();
        for part in name.trim_start_matches(PREFIX).split("__") {
            let known =
                table.and_then(|table| table.iter().find(|(known, _)| known.eq_ignore_ascii_case(part)));
            key.push(known.map_or_else(|| part.to_ascii_lowercase(), |(known, _)| known.clone()));
            table = known.and_then(|(_, value)| value.as_table());
        }
        key.join(".")
    }
}

fn ours(name: &OsStr) -> Option<String> {
    let name = name.to_str()?;
    name.starts_with(PREFIX).then(|| name.to_owned())
}

fn variable(name: &str, message: &str) -> ConfigError {
    ConfigError::Variable { name: name.to_owned(), message: message.to_owned() }
}

/// TOML's errors end with a line break and may name the section in a second line.
#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
fn shape(error: impl fmt::Display) -> ConfigError {
    ConfigError::Shape(error.to_string().trim_end().replace('\n', " "))
}

/// Reads `text` as the kind that `model` is; a key without a default is text.
fn read_as(model: Option<&Value>, text: &str) -> Result<Value, &'static str> {
    Ok(match model {
        Some(Value::Integer(_)) => Value::Integer(text.trim().parse().map_err(|_| "a whole number")?),
        Some(Value::Float(_)) => Value::Float(text.trim().parse().map_err(|_| "a number")?),
        Some(Value::Boolean(_)) => Value::Boolean(text.trim().parse().map_err(|_| "true or false")?),
        Some(Value::Array(_)) => list(text).ok_or("a list in TOML’s form, such as [\"a\", \"b\"]")?,
        Some(Value::Table(_)) => return Err("for a section; name a key of it"),
        _ => Value::String(text.to_owned()),
    })
}

fn list(text: &str) -> Option<Value> {
    let table: Table = format!("value = {text}").parse().ok()?;
    table.get("value").filter(|value| value.is_array() && table.len() == 1).cloned()
}

/// Keys of all values that are not tables, dotted.
fn leaves(table: &Table) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for (key, value) in table {
        match value {
            Value::Table(inner) => {
                found.extend(leaves(inner).into_iter().map(|(rest, value)| (format!("{key}.{rest}"), value)));
            }
            value => found.push((key.clone(), value.clone())),
        }
    }
    found
}
