//! How a new system proves itself.

use super::check::Checker;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::Path;

/// The checks of a trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Health {
    /// Time that the checks have after a start which say nothing else.
    pub deadline_seconds: u64,
    pub check: Vec<Check>,
}

impl Default for Health {
    fn default() -> Self {
        Self { deadline_seconds: 300, check: Vec::new() }
    }
}

/// A question whose answer says whether a system, or a part of it, works: exactly one of `url`, `connect`, `unit` and `command` is set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    pub name: String,
    /// What a `GET` is sent to.
    pub url: Option<String>,
    /// Of a good answer to it; any 2xx where none is set.
    pub status: Option<u16>,
    /// What the body of a good answer has in it.
    pub contains: Option<String>,
    /// Host and port that take connections.
    pub connect: Option<String>,
    /// A unit of systemd that is active.
    pub unit: Option<String>,
    /// Program and arguments; no shell.
    #[serde(default)]
    pub command: Vec<String>,
    #[serde(default = "yes")]
    pub required: bool,
    /// Of one attempt.
    #[serde(default = "twenty")]
    pub timeout_seconds: u64,
    /// Of all attempts; that of all checks where none is set.
    pub deadline_seconds: Option<u64>,
    /// Pause between two attempts.
    #[serde(default = "one")]
    pub interval_seconds: u64,
    /// How often in a row it must go well.
    #[serde(default = "once")]
    pub times: u32,
}

const fn yes() -> bool {
    true
}

const fn one() -> u64 {
    1
}

const fn once() -> u32 {
    1
}

const fn twenty() -> u64 {
    20
}

/// Names of the checks that every trial has.
const OWN: [&str; 2] = ["database", "web server"];

pub(super) fn check(checker: &mut Checker, health: &Health) {
    checker.within("health.deadline_seconds", health.deadline_seconds, 1, 24 * 3600);
    checks(checker, "health.check", &health.check, &OWN);
}

/// Whether the checks of the list `key` make sense; `taken` names cannot be used.
pub(super) fn checks(checker: &mut Checker, key: &str, checks: &[Check], taken: &[&str]) {
    let mut names: BTreeSet<&str> = taken.iter().copied().collect();
    for check in checks {
        let Check { name, .. } = check;
        let own = |field: &str| format!("{key}.{field}");
        checker.text(&own("name"), name, 64);
        checker.require(names.insert(name), &own("name"), format!("is “{name}” twice"));
        what_is_asked(checker, key, check);
        checker.within(&own("timeout_seconds"), check.timeout_seconds, 1, 3600);
        checker.within(&own("interval_seconds"), check.interval_seconds, 1, 3600);
        checker.within(&own("times"), check.times.into(), 1, 100);
        if let Some(deadline) = check.deadline_seconds {
            checker.within(&own("deadline_seconds"), deadline, 1, 24 * 3600);
        }
    }
}

fn what_is_asked(checker: &mut Checker, key: &str, check: &Check) {
    let Check { name, url, status, contains, connect, unit, command, .. } = check;
    let own = |field: &str| format!("{key}.{field}");
    let asked = [url.is_some(), connect.is_some(), unit.is_some(), !command.is_empty()];
    let one = asked.into_iter().filter(|set| *set).count() == 1;
    let sentence = format!("of “{name}” must be set to exactly one of url, connect, unit and command");
    checker.require(one, key, sentence);
    if let Some(url) = url {
        checker.url(&own("url"), url);
    }
    let of_url = url.is_some() || (status.is_none() && contains.is_none());
    checker.require(of_url, &own("status"), "and contains are for a check with a url");
    if let Some(status) = status {
        checker.within(&own("status"), (*status).into(), 100, 599);
    }
    if let Some(contains) = contains {
        checker.text(&own("contains"), contains, 300);
    }
    if let Some(connect) = connect {
        let fits = ota_platform::HostPort::parse(connect, 0).is_some_and(|address| address.port != 0);
        checker.require(fits, &own("connect"), "must be a host and a port, such as 127.0.0.1:502");
    }
    if let Some(unit) = unit {
        let name = |byte: u8| byte.is_ascii_alphanumeric() || b":-_.\\@".contains(&byte);
        let fits =
            unit.contains('.') && !unit.starts_with('-') && unit.len() <= 255 && unit.bytes().all(name);
        checker.require(fits, &own("unit"), "must be the name of a unit, such as crane-controller.service");
    }
    if let Some(program) = command.first() {
        let sentence = format!("of “{name}” must start with the absolute path of a program");
        checker.require(Path::new(program).is_absolute(), &own("command"), sentence);
    }
}
