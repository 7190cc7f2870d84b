//! What is updated beside the system, one component at a time.

use super::check::Checker;
use super::health::{Check, checks};
use super::{Config, Slots};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// One component: two places of which one is current.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Component {
    /// Block devices or files.
    pub a: PathBuf,
    pub b: PathBuf,
    /// Program and arguments that bring up what is current; no shell.
    pub activate: Vec<String>,
    /// After it the program is killed.
    #[serde(default = "minute")]
    pub timeout_seconds: u64,
    /// What it is asked after it was activated.
    #[serde(default)]
    pub check: Vec<Check>,
}

const fn minute() -> u64 {
    60
}

pub(super) fn check(checker: &mut Checker, config: &Config) {
    let mut taken = places(&config.slots);
    for (name, component) in &config.components {
        one(checker, name, component, &mut taken);
    }
}

fn places(slots: &Slots) -> BTreeSet<&Path> {
    let recovery = slots.r.as_ref().map(|slot| slot.rootfs.as_path());
    [slots.a.rootfs.as_path(), slots.b.rootfs.as_path()].into_iter().chain(recovery).collect()
}

fn one<'a>(checker: &mut Checker, name: &str, component: &'a Component, taken: &mut BTreeSet<&'a Path>) {
    let key = format!("components.{name}");
    let class = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let fits =
        !name.is_empty() && name.len() <= 64 && name.bytes().all(class) && name != ota_core::ROOT_CLASS;
    checker.require(fits, &key, "must be the class of an image other than rootfs: letters, digits, - and _");
    for (field, place) in [("a", &component.a), ("b", &component.b)] {
        let key = format!("{key}.{field}");
        checker.path(&key, place);
        checker.require(taken.insert(place), &key, "must be another place than every other one");
    }
    let program = component.activate.first().is_some_and(|program| Path::new(program).is_absolute());
    checker.require(program, &format!("{key}.activate"), "must start with the absolute path of a program");
    checker.within(&format!("{key}.timeout_seconds"), component.timeout_seconds, 1, 3600);
    let decides = component.check.iter().any(|check| check.required);
    checker.require(decides, &format!("{key}.check"), "must have one that is required");
    checks(checker, &format!("{key}.check"), &component.check, &[]);
}

/// By name, which is the class of their images.
pub type Components = BTreeMap<String, Component>;
