//! Section 4: the update settings as a form, and what the gateway will do with them.

use leptos::prelude::*;
use ota_api::{Schedule, Settings, Strategy, Weekday, auth::Role};

use crate::{
    live::{Live, edit, is_overtaken, keep_mine, save_draft},
    rules,
    strings::{plan, settings as t, words},
    ui::{ActionButton, Section, Why, flag, press, text, ticked, typed, word},
};

#[component]
pub fn SettingsSection(live: Live) -> impl IntoView {
    // Who may not save looks at what is set.
    let fixed = live.role() < Role::Operator;
    view! {
        <Section index=3>
            <p class="plan" role="status">
                {text(move || live.monitor.with(|monitor| plan::window(&monitor.automation, live.monitor_age.get())))}
            </p>
            <fieldset class="groups" disabled=flag(move || fixed || !live.ready.get())>
                <article class="card form">
                    <h3>{t::AUTOMATION}</h3>
                    {TICKS.iter().map(|field| view! { <Tick live field/> }).collect_view()}
                    {NUMBERS.iter().map(|field| view! { <Entry live field/> }).collect_view()}
                </article>
                <article class="card form">
                    <h3>{t::WINDOW}</h3>
                    <Tick live field=&WINDOW/>
                    {WINDOW_CHOICES.iter().map(|field| view! { <Choice live field/> }).collect_view()}
                    {WINDOW_ENTRIES.iter().map(|field| view! { <Entry live field/> }).collect_view()}
                </article>
                <article class="card form">
                    <h3>{t::STRATEGY}</h3>
                    <Choice live field=&STRATEGY/>
                    <p class="hint">{text(move || strategy_hint(live))}</p>
                </article>
            </fieldset>
            <Saving live/>
        </Section>
    }
}

/// What is not saved yet, what somebody else has saved meanwhile, and the buttons.
#[component]
fn Saving(live: Live) -> impl IntoView {
    let changed = move || live.draft.with(Option::is_some);
    let save = move || rules::save_settings(changed(), is_overtaken(live), &live.facts());
    let discard = move || rules::discard_settings(changed(), &live.facts());
    view! {
        <div class="alert" data-tone="warn" role="alert" hidden=flag(move || !is_overtaken(live))>
            <p>{t::OVERTAKEN}</p>
            <div class="actions">
                <button type="button" class="button" on:click=press(move || live.draft.set(None))>{t::THEIRS}</button>
                <button type="button" class="button" on:click=press(move || keep_mine(live))>{t::MINE}</button>
            </div>
        </div>
        <div class="actions">
            <ActionButton
                live
                label=word(|| t::SAVE)
                class="primary"
                described_by="settings-why".to_owned()
                reason=save
                press=move || save_draft(live)
            />
            <ActionButton
                live
                label=word(|| t::DISCARD)
                described_by="settings-why".to_owned()
                reason=discard
                press=move || live.draft.set(None)
            />
            <strong class="unsaved" hidden=flag(move || !changed())>{t::UNSAVED}</strong>
        </div>
        <Why id="settings-why".to_owned() reason=save/>
    }
}

/// What the way that is chosen means, and why nothing can be installed in it now.
fn strategy_hint(live: Live) -> String {
    let chosen = of(live, |settings| settings.update_strategy);
    let refused =
        live.system.with(|s| s.strategies.iter().find(|offer| offer.strategy == chosen)?.refused.clone());
    format!("{}. {}", words::strategy(chosen), refused.unwrap_or_default())
}

/// What the form shows: the draft, or else what is saved.
fn of<R>(live: Live, read: impl Fn(&Settings) -> R) -> R {
    let drafted = live.draft.with(|draft| draft.as_ref().map(|draft| read(&draft.settings)));
    drafted.unwrap_or_else(|| live.settings.with(read))
}

/// A box to tick.
struct TickField {
    label: &'static str,
    hint: &'static str,
    read: fn(&Settings) -> bool,
    write: fn(&mut Settings, bool),
}

static TICKS: [TickField; 5] = [
    TickField {
        label: t::AUTO_UPDATE,
        hint: t::AUTO_UPDATE_HINT,
        read: |s| s.auto_update.enabled,
        write: |s, on| s.auto_update.enabled = on,
    },
    TickField {
        label: t::AUTO_DOWNLOAD,
        hint: t::AUTO_DOWNLOAD_HINT,
        read: |s| s.auto_update.auto_download,
        write: |s, on| s.auto_update.auto_download = on,
    },
    TickField {
        label: t::AUTO_SECURITY,
        hint: t::AUTO_SECURITY_HINT,
        read: |s| s.auto_update.auto_security,
        write: |s, on| s.auto_update.auto_security = on,
    },
    TickField {
        label: t::AUTO_REBOOT,
        hint: t::AUTO_REBOOT_HINT,
        read: |s| s.auto_update.auto_reboot,
        write: |s, on| s.auto_update.auto_reboot = on,
    },
    TickField {
        label: t::URGENT,
        hint: t::URGENT_HINT,
        read: |s| s.auto_update.security_may_ignore_window == Some(true),
        write: |s, on| s.auto_update.security_may_ignore_window = on.then_some(true),
    },
];

static WINDOW: TickField = TickField {
    label: t::WINDOW_ENABLED,
    hint: t::WINDOW_HINT,
    read: |s| s.maintenance_window.enabled,
    write: |s, on| s.maintenance_window.enabled = on,
};

#[component]
fn Tick(live: Live, field: &'static TickField) -> impl IntoView {
    view! {
        <label class="choice">
            <input
                type="checkbox"
                checked=(field.read)(&live.settings.peek(Clone::clone))
                prop:checked=flag(move || of(live, field.read))
                on:change=ticked(move |on| edit(live, |settings| (field.write)(settings, on)))
            />
            <span>{field.label}" "<span class="hint">{field.hint}</span></span>
        </label>
    }
}

/// A field to type into. Empty is what is not set.
struct EntryField {
    label: &'static str,
    kind: &'static str,
    /// Of a number.
    range: (&'static str, &'static str),
    /// What holds where nothing is set.
    unset: &'static str,
    shown: fn(&Settings) -> bool,
    read: fn(&Settings) -> String,
    write: fn(&mut Settings, String),
}

const fn always(_: &Settings) -> bool {
    true
}

fn digits(number: Option<u32>) -> String {
    number.map(|number| number.to_string()).unwrap_or_default()
}

static NUMBERS: [EntryField; 2] = [
    EntryField {
        label: t::CHECK_INTERVAL,
        kind: "number",
        range: ("1", "744"),
        unset: "",
        shown: always,
        read: |s| digits(s.auto_update.check_interval),
        write: |s, typed| s.auto_update.check_interval = typed.parse().ok(),
    },
    EntryField {
        label: t::SOAK,
        kind: "number",
        range: ("0", "8784"),
        unset: "0",
        shown: always,
        read: |s| digits(s.auto_update.soak_hours),
        write: |s, typed| s.auto_update.soak_hours = typed.parse().ok(),
    },
];

static WINDOW_ENTRIES: [EntryField; 4] = [
    EntryField {
        label: t::DAY,
        kind: "number",
        range: ("1", "31"),
        unset: "1",
        shown: |s| s.maintenance_window.schedule == Schedule::Monthly,
        read: |s| digits(s.maintenance_window.day),
        write: |s, typed| s.maintenance_window.day = typed.parse().ok(),
    },
    EntryField {
        label: t::TIME,
        kind: "time",
        range: ("", ""),
        unset: "",
        shown: always,
        read: |s| s.maintenance_window.time.clone(),
        // While somebody types, a field of this kind is empty.
        write: |s, typed| {
            if !typed.is_empty() {
                s.maintenance_window.time = typed;
            }
        },
    },
    EntryField {
        label: t::DURATION,
        kind: "number",
        range: ("1", "1440"),
        unset: "120",
        shown: always,
        read: |s| digits(s.maintenance_window.duration_minutes),
        write: |s, typed| s.maintenance_window.duration_minutes = typed.parse().ok(),
    },
    EntryField {
        label: t::TIME_ZONE,
        kind: "text",
        range: ("", ""),
        unset: "",
        shown: always,
        read: |s| s.maintenance_window.timezone.clone().unwrap_or_default(),
        write: |s, typed| {
            s.maintenance_window.timezone = Some(typed.trim().to_owned()).filter(|zone| !zone.is_empty());
        },
    },
];

#[component]
fn Entry(live: Live, field: &'static EntryField) -> impl IntoView {
    let saved = live.settings.peek(field.read);
    view! {
        <label class="entry" hidden=flag(move || !of(live, field.shown))>
            <span>{field.label}</span>
            <input
                type=field.kind
                min=field.range.0
                max=field.range.1
                placeholder=field.unset
                maxlength="64"
                autocomplete="off"
                value=saved
                prop:value=text(move || of(live, field.read))
                on:input=typed(move |value| edit(live, |settings| (field.write)(settings, value)))
            />
        </label>
    }
}

/// One of a few.
struct ChoiceField {
    label: &'static str,
    /// What is written, and what is read by people.
    options: &'static [(&'static str, &'static str)],
    shown: fn(&Settings) -> bool,
    /// The place of what is chosen.
    read: fn(&Settings) -> usize,
    write: fn(&mut Settings, usize),
}

const SCHEDULES: [Schedule; 3] = [Schedule::Daily, Schedule::Weekly, Schedule::Monthly];
const WEEKDAYS: [Weekday; 7] = [
    Weekday::Monday,
    Weekday::Tuesday,
    Weekday::Wednesday,
    Weekday::Thursday,
    Weekday::Friday,
    Weekday::Saturday,
    Weekday::Sunday,
];
const STRATEGIES: [Strategy; 3] = [Strategy::Seamless, Strategy::InPlace, Strategy::Rolling];

fn place<T: PartialEq>(all: &[T], one: &T) -> usize {
    all.iter().position(|other| other == one).unwrap_or_default()
}

static WINDOW_CHOICES: [ChoiceField; 2] = [
    ChoiceField {
        label: t::SCHEDULE,
        options: &t::SCHEDULES,
        shown: always,
        read: |s| place(&SCHEDULES, &s.maintenance_window.schedule),
        write: |s, index| {
            if let Some(schedule) = SCHEDULES.get(index) {
                s.maintenance_window.schedule = *schedule;
            }
        },
    },
    ChoiceField {
        label: t::WEEKDAY,
        options: &t::WEEKDAYS,
        shown: |s| s.maintenance_window.schedule == Schedule::Weekly,
        read: |s| place(&WEEKDAYS, &s.maintenance_window.weekday.unwrap_or(Weekday::Sunday)),
        write: |s, index| s.maintenance_window.weekday = WEEKDAYS.get(index).copied(),
    },
];

static STRATEGY: ChoiceField = ChoiceField {
    label: t::METHOD,
    options: &t::STRATEGIES,
    shown: always,
    read: |s| place(&STRATEGIES, &s.update_strategy),
    write: |s, index| {
        if let Some(strategy) = STRATEGIES.get(index) {
            s.update_strategy = *strategy;
        }
    },
};

#[component]
fn Choice(live: Live, field: &'static ChoiceField) -> impl IntoView {
    let value = move || {
        let index = of(live, field.read);
        field.options.get(index).map_or("", |(value, _)| *value)
    };
    let saved = live.settings.peek(field.read);
    let choose = move |chosen: String| {
        if let Some(index) = field.options.iter().position(|(value, _)| *value == chosen) {
            edit(live, |settings| (field.write)(settings, index));
        }
    };
    let options = field.options.iter().enumerate();
    let options = options.map(
        |(index, (value, name))| view! { <option value=*value selected=index == saved>{*name}</option> },
    );
    view! {
        <label class="entry" hidden=flag(move || !of(live, field.shown))>
            <span>{field.label}</span>
            <select prop:value=word(value) on:change=typed(choose)>{options.collect_view()}</select>
        </label>
    }
}
