use crate::{client::Client, failure::Failure};
use serde_json::{Map, Value};

/// Prints the settings, or changes those that are named and prints what came of it.
pub(crate) async fn settings(client: &Client, changes: &[String]) -> Result<(), Failure> {
    if changes.is_empty() {
        let answer = client.get("settings", &[]).await?;
        return client.show(&answer, || Ok(lines("", &answer.data).join("\n")));
    }
    let answer = client.post("settings", &patch(changes)?).await?;
    client.show(&answer, || Ok(answer.message.clone()))
}

/// One object of all changes. What is no JSON is a text: the gateway knows what fits.
fn patch(changes: &[String]) -> Result<Value, Failure> {
    let mut patch = Value::Object(Map::new());
    for change in changes {
        let wrong = || {
            Failure::usage(format!("“{change}” is no change: write KEY=VALUE, as auto_update.enabled=true"))
        };
        let (key, text) = change.split_once('=').ok_or_else(wrong)?;
        let mut place = &mut patch;
        for part in key.split('.') {
            let object = place.as_object_mut().filter(|_| !part.is_empty()).ok_or_else(wrong)?;
            place = object.entry(part).or_insert_with(|| Value::Object(Map::new()));
        }
        if *place != Value::Object(Map::new()) {
            return Err(Failure::usage(format!("{key} is given twice")));
        }
        *place = serde_json::from_str(text).unwrap_or_else(|_| Value::from(text));
    }
    Ok(patch)
}

/// `KEY=VALUE`, as they are changed.
fn lines(prefix: &str, value: &Value) -> Vec<String> {
    match value {
        Value::Object(members) => {
            let dot = if prefix.is_empty() { "" } else { "." };
            members.iter().flat_map(|(name, value)| lines(&format!("{prefix}{dot}{name}"), value)).collect()
        }
        Value::String(text) => vec![format!("{prefix}={text}")],
        other => vec![format!("{prefix}={other}")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn made(changes: &[&str]) -> Result<Value, u8> {
        let changes: Vec<_> = changes.iter().map(|&change| change.to_owned()).collect();
        patch(&changes).map_err(|failure| failure.status)
    }

    #[test]
    fn changes_become_one_object() {
        let patch = made(&[
            "auto_update.enabled=true",
            "auto_update.soak_hours=null",
            "maintenance_window.time=02:00",
            "update_strategy=seamless",
            "maintenance_window.day=31",
        ]);
        let expected = json!({
            "auto_update": { "enabled": true, "soak_hours": null },
            "maintenance_window": { "time": "02:00", "day": 31 },
            "update_strategy": "seamless",
        });
        assert_eq!(patch, Ok(expected));
    }

    #[test]
    fn what_is_no_change_is_wrong_usage() {
        for changes in
            [&["x"][..], &["=1"], &["a..b=1"], &["a=1", "a=2"], &["a=1", "a.b=2"], &["a.b=1", "a=2"]]
        {
            assert_eq!(made(changes), Err(2), "{changes:?}");
        }
    }

    #[test]
    fn what_is_shown_can_be_given_back() {
        let settings =
            json!({ "auto_update": { "enabled": true, "check_interval": 8 }, "update_strategy": "rolling" });
        let shown = lines("", &settings);
        let shown: Vec<_> = shown.iter().map(String::as_str).collect();
        assert_eq!(made(&shown), Ok(settings));
    }
}
