//! Changing the update settings.

use ota_core::{Actor, AuditAction, AuditEntry, Settings, SettingsPatch};
use serde_json::Value;
use std::sync::Arc;

use crate::{Change, Event, Ota, OtaError, ports::LogLevel};

impl Ota {
    /// Changes what `patch` names, all of it or none. `as_expected` says whether the settings are still those that the caller
    /// has seen. What is saved is in force when this returns.
    ///
    /// # Errors
    /// [`OtaError::SettingsMoved`] where somebody else was first, [`OtaError::Settings`] for a value that cannot be, and the
    /// store's.
    pub async fn change_settings(
        &self,
        patch: &SettingsPatch,
        as_expected: impl Fn(&Settings) -> bool + Send,
        actor: &Actor,
    ) -> Result<Arc<Settings>, OtaError> {
        let entry = AuditEntry::attempt(actor, AuditAction::Settings);
        let changed = self.try_change_settings(patch, as_expected, &entry).await;
        self.on_record(entry, changed).await
    }

    async fn try_change_settings(
        &self,
        patch: &SettingsPatch,
        as_expected: impl Fn(&Settings) -> bool + Send,
        entry: &AuditEntry,
    ) -> Result<Arc<Settings>, OtaError> {
        // One at a time: what is compared is what is replaced.
        let _lane = self.settings_lane.lock().await;
        let old = Arc::clone(&self.snapshot().settings);
        if !as_expected(&old) {
            return Err(OtaError::SettingsMoved);
        }
        let new = Arc::new(old.patched(patch, &self.parts.zones)?);
        if new == old {
            return Ok(new);
        }
        let changes = changes(&old, &new).join(", ");
        let entry = entry.clone().with_outcome(ota_core::AuditOutcome::Succeeded).saying(changes.as_str());
        self.parts.store.put_settings(&new, self.parts.clock.now(), &entry).await?;
        self.update(|snapshot| snapshot.settings = Arc::clone(&new));
        self.log(LogLevel::Info, "settings", format!("Changed by {}: {changes}", entry.actor)).await;
        // The answer tells already what will be done with them.
        self.look_ahead().await;
        self.tell(Event::Changed(Change::Settings));
        self.reconsider.notify_one();
        Ok(new)
    }
}

/// What is not as before, as `auto_update.enabled: false → true`.
fn changes(old: &Settings, new: &Settings) -> Vec<String> {
    let value = |settings: &Settings| serde_json::to_value(settings).unwrap_or_default();
    let mut found = Vec::new();
    compare("", &value(old), &value(new), &mut found);
    found
}

fn compare(name: &str, old: &Value, new: &Value, found: &mut Vec<String>) {
    let (Value::Object(before), Value::Object(after)) = (old, new) else {
        if old != new {
            found.push(format!("{name}: {} → {}", text(old), text(new)));
        }
        return;
    };
    let members: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for member in members {
        let dot = if name.is_empty() { "" } else { "." };
        let at = |object: &serde_json::Map<String, Value>| object.get(member).cloned().unwrap_or_default();
        compare(&format!("{name}{dot}{member}"), &at(before), &at(after), found);
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => "not set".to_owned(),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_is_said_by_name() {
        let old = Settings::default();
        let mut new = old.clone();
        new.auto_update.enabled = true;
        new.maintenance_window.time = "03:30".to_owned();
        new.maintenance_window.timezone = Some("Europe/Berlin".to_owned());
        assert_eq!(
            changes(&old, &new),
            [
                "auto_update.enabled: false → true",
                "maintenance_window.time: 02:00 → 03:30",
                "maintenance_window.timezone: not set → Europe/Berlin"
            ]
        );
        assert!(changes(&old, &old).is_empty());
    }
}
