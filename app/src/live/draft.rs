//! Settings that are being changed on the page and not saved yet.

use ota_api::{AutoUpdatePatch, MaintenanceWindowPatch, Settings, SettingsPatch};

use super::{Live, Order, perform};

/// What somebody has set, and which saved settings they have seen before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    pub settings: Settings,
    pub seen: Settings,
}

/// Changes the draft; one that is what is saved is none.
pub fn edit(live: Live, change: impl FnOnce(&mut Settings)) {
    let saved = live.settings.peek(Clone::clone);
    let begun = || Draft { settings: saved.clone(), seen: saved.clone() };
    let mut draft = live.draft.peek(Clone::clone).unwrap_or_else(begun);
    change(&mut draft.settings);
    live.draft.set((draft.settings != saved).then_some(draft));
}

/// Somebody else has saved other settings since the draft was begun.
#[must_use]
pub fn is_overtaken(live: Live) -> bool {
    let news = |draft: &Draft| live.settings.with(|saved| *saved != draft.seen && *saved != draft.settings);
    live.draft.with(|draft| draft.as_ref().is_some_and(news))
}

/// Keeps what was set, over what somebody else has saved: the next save does not ask again.
pub fn keep_mine(live: Live) {
    let newest = live.settings.peek(Clone::clone);
    live.draft.update(|draft| {
        if let Some(draft) = draft {
            draft.seen = newest;
        }
    });
}

/// This is what is saved. A draft of the same is none: its save went through unheard, or somebody else wanted just that.
pub fn is_read(live: Live, saved: Settings) {
    live.draft.update(|draft| {
        if draft.as_ref().is_some_and(|draft| draft.settings == saved) {
            *draft = None;
        }
    });
    live.settings.set(saved);
}

/// The gateway has saved this. What was set while it did is a draft still.
pub fn is_saved(live: Live, saved: Settings) {
    live.settings.set(saved.clone());
    let rest = live.draft.peek(Clone::clone).filter(|draft| draft.settings != saved);
    live.draft.set(rest.map(|draft| Draft { seen: saved, ..draft }));
}

/// Sends the draft.
pub fn save_draft(live: Live) {
    if let Some(draft) = live.draft.peek(Clone::clone) {
        perform(live, Order::SaveSettings(Box::new(draft)));
    }
}

/// Everything that the draft holds: what is not set is unset.
#[must_use]
pub fn patch(settings: Settings) -> SettingsPatch {
    let (auto, window) = (settings.auto_update, settings.maintenance_window);
    SettingsPatch {
        auto_update: AutoUpdatePatch {
            enabled: Some(auto.enabled),
            auto_download: Some(auto.auto_download),
            auto_security: Some(auto.auto_security),
            auto_reboot: Some(auto.auto_reboot),
            check_interval: Some(auto.check_interval),
            soak_hours: Some(auto.soak_hours),
            security_may_ignore_window: Some(auto.security_may_ignore_window),
        },
        maintenance_window: MaintenanceWindowPatch {
            enabled: Some(window.enabled),
            schedule: Some(window.schedule),
            time: Some(window.time),
            timezone: Some(window.timezone),
            duration_minutes: Some(window.duration_minutes),
            weekday: Some(window.weekday),
            day: Some(window.day),
        },
        update_strategy: Some(settings.update_strategy),
    }
}
