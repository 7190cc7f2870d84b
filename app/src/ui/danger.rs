//! The dialog before what cannot be taken back: a PIN, a reason, and what exactly is meant. What is typed stays in the form until the
//! gateway has accepted it.

use leptos::{html, prelude::*};
use ota_api::{auth::Role, safety::Safety};

use super::{flag, happened, press, text, ticked, typed, word};
use crate::{
    live::{Danger, DangerForm, Live, send_danger},
    strings::{danger as t, reset, words},
};

/// Characters that the gateway asks of a reason.
const SHORTEST_REASON: usize = 10;

/// What blocks now is chosen to begin with; a request that waits for its second person is repeated.
fn begin(live: Live) {
    let chosen = live.safety.peek(words::worth_overriding);
    let sending = live.danger_form.peek(|form| form.sending);
    live.danger_form.set(DangerForm { chosen, sending, ..DangerForm::default() });
}

/// Why it cannot be sent now: what is still missing, as a sentence.
fn refusal(live: Live) -> Option<&'static str> {
    let resets = live.danger.get() == Some(Danger::FactoryReset);
    let gateway = live.system.with(|system| system.gateway.id.clone());
    live.danger_form.with(|form| {
        if form.sending {
            Some(t::SENDING)
        } else if !resets && form.chosen.is_empty() {
            Some(t::CHOOSE)
        } else if form.reason.trim().chars().count() < SHORTEST_REASON {
            Some(t::SAY_WHY)
        } else if form.pin.is_empty() {
            Some(t::ENTER_PIN)
        } else {
            (resets && form.gateway.trim() != gateway).then_some(t::TYPE_ID)
        }
    })
}

fn choose(form: &mut DangerForm, name: &str, on: bool) {
    form.chosen.retain(|other| other != name);
    if on {
        form.chosen.push(name.to_owned());
    }
}

#[component]
pub fn DangerDialog(live: Live) -> impl IntoView {
    let dialog = NodeRef::<html::Dialog>::new();
    let form = live.danger_form;
    Effect::new(move |_| {
        let Some(dialog) = dialog.get() else { return };
        if live.danger.get().is_some() {
            begin(live);
            _ = dialog.show_modal();
        } else {
            form.update(|form| form.pin.clear());
            dialog.close();
        }
    });
    let close = move || live.danger.set(None);
    let refuse = move || refusal(live).is_some();
    let resets = move || live.danger.get() == Some(Danger::FactoryReset);
    let says = move |either: t::Words| word(move || if resets() { either.reset } else { either.forced });
    let names = ["crane_motion", "acs_collision", "ups_battery", "network", "system_load"];
    view! {
        <dialog class="dialog" node_ref=dialog aria-labelledby="danger-title" on:close=happened(close)>
            <form class="form" on:submit=move |event| {
                event.prevent_default();
                if !refuse() {
                    send_danger(live);
                }
            }>
                <h2 id="danger-title">{says(t::TITLE)}</h2>
                <p class="warning">{says(t::WARNING)}</p>
                <fieldset hidden=flag(resets)>
                    <legend>{t::CONSTRAINTS}</legend>
                    {names.map(|name| view! { <Choice live name/> }).into_iter().collect_view()}
                </fieldset>
                <div class="form" hidden=flag(move || !resets())>
                    {(live.role() == Role::Admin).then(|| view! { <Tiers live/> })}
                </div>
                <label class="field" for="danger-reason">{t::REASON}</label>
                <textarea
                    id="danger-reason"
                    rows="2"
                    maxlength="500"
                    prop:value=text(move || form.with(|form| form.reason.clone()))
                    on:input=typed(move |value| form.update(|form| form.reason = value))
                ></textarea>
                <label class="field" for="danger-pin">{says(t::PIN)}</label>
                <input
                    id="danger-pin"
                    type="password"
                    inputmode="numeric"
                    autocomplete="off"
                    maxlength="32"
                    prop:value=text(move || form.with(|form| form.pin.clone()))
                    on:input=typed(move |value| form.update(|form| form.pin = value))
                />
                <p class="complaint" role="alert">{text(move || form.with(|form| form.complaint.clone()))}</p>
                <p class="why" id="danger-missing">{text(move || refusal(live).unwrap_or_default().to_owned())}</p>
                <div class="actions end">
                    <button type="button" class="button" on:click=press(close)>{says(t::KEEP)}</button>
                    <button
                        type="submit"
                        class="button danger"
                        disabled=flag(refuse)
                        aria-describedby="danger-missing"
                    >
                        {says(t::CONFIRM)}
                    </button>
                </div>
            </form>
        </dialog>
    }
}

/// A constraint that may be chosen, with how it stands.
#[component]
fn Choice(live: Live, name: &'static str) -> impl IntoView {
    let form = live.danger_form;
    let offered = move || live.safety.with(|s| s.overridable.iter().any(|other| other == name));
    let shown = move || if offered() { live.safety.with(|s| state(s, name)) } else { t::NEVER.to_owned() };
    view! {
        <label class="choice">
            <input
                type="checkbox"
                disabled=flag(move || !offered())
                prop:checked=flag(move || form.with(|form| form.chosen.iter().any(|other| other == name)))
                on:change=ticked(move |on| form.update(|form| choose(form, name, on)))
            />
            <span>
                {words::constraint_title(name)}" "
                <span class="hint">{text(shown)}</span>
            </span>
        </label>
    }
}

fn state(safety: &Safety, name: &str) -> String {
    let found = safety.constraints.named().into_iter().find(|(other, _)| *other == name);
    found.map(|(_, constraint)| words::constraint_state(constraint).0).unwrap_or_default().to_owned()
}

/// How far a factory reset goes, what it installs, and which gateway is meant.
#[component]
fn Tiers(live: Live) -> impl IntoView {
    let form = live.danger_form;
    let installs = move || live.recovery.with(|recovery| reset::installs(recovery.recovery_image.as_ref()));
    view! {
        <p>{text(installs)}</p>
        <label class="choice">
            <input
                type="checkbox"
                prop:checked=flag(move || form.with(|form| form.wipe))
                on:change=ticked(move |on| form.update(|form| form.wipe = on))
            />
            <span>{t::WIPE}" "<span class="hint">{t::WIPE_HINT}</span></span>
        </label>
        <p><a href=ota_api::routes::AUDIT_EXPORT download="audit.jsonl">{t::EXPORT}</a></p>
        <label class="field" for="danger-gateway">{t::GATEWAY}</label>
        <input
            id="danger-gateway"
            type="text"
            autocomplete="off"
            spellcheck="false"
            prop:value=text(move || form.with(|form| form.gateway.clone()))
            on:input=typed(move |value| form.update(|form| form.gateway = value))
        />
    }
}
