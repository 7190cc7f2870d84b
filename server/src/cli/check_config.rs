//! `check-config`: every effective value and where it came from.

use super::{Failure, output};
use crate::config::{ConfigError, Effective, Loaded};
use serde_json::json;

pub(super) fn run(loaded: Loaded, as_json: bool) -> Result<(), Failure> {
    let values = loaded.effective();
    if as_json {
        let problems: Vec<_> = loaded.problems().iter().map(ToString::to_string).collect();
        let values: Vec<_> = values.iter().map(object).collect();
        output::json(&json!({ "valid": problems.is_empty(), "values": values, "problems": problems }))?;
    } else {
        for value in &values {
            output::line(format!("{} = {}  # {}", value.key, value.value, value.origin));
        }
    }
    match loaded.checked() {
        Ok(_) => Ok(()),
        Err(ConfigError::Problems(_)) if as_json => Err(Failure::silent_usage()),
        Err(error) => Err(Failure::usage(error)),
    }
}

fn object(value: &Effective) -> serde_json::Value {
    json!({ "key": value.key, "value": value.value, "origin": value.origin.to_string() })
}
