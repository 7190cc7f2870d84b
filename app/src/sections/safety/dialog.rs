//! The dialog that asks for constraints, reason and PIN. What is typed stays in the form until the gateway has accepted it.

use leptos::{html, prelude::*, task::spawn_local};
use ota_api::{ErrorCode, safety::OverrideRequest};

use crate::{
    api,
    live::{Live, Message, OverrideForm, Wanted, want},
    strings::{overriding as t, words},
    ui::{Tone, flag, happened, press, text, ticked, typed},
};

/// Characters that the gateway asks of a reason.
const SHORTEST_REASON: usize = 10;

/// What blocks now is chosen to begin with; a request that waits for its second person is repeated.
fn begin(live: Live) {
    let chosen = live.safety.peek(words::worth_overriding);
    live.override_form.set(OverrideForm { chosen, ..OverrideForm::default() });
}

/// Why it cannot be sent now: what is still missing, as a sentence.
fn refusal(form: &OverrideForm) -> Option<&'static str> {
    if form.sending {
        Some(t::SENDING)
    } else if form.chosen.is_empty() {
        Some(t::CHOOSE)
    } else if form.reason.trim().chars().count() < SHORTEST_REASON {
        Some(t::SAY_WHY)
    } else {
        form.pin.is_empty().then_some(t::ENTER_PIN)
    }
}

fn choose(form: &mut OverrideForm, name: &str, on: bool) {
    form.chosen.retain(|other| other != name);
    if on {
        form.chosen.push(name.to_owned());
    }
}

#[component]
pub fn OverrideDialog(live: Live) -> impl IntoView {
    let dialog = NodeRef::<html::Dialog>::new();
    let form = live.override_form;
    Effect::new(move |_| {
        let Some(dialog) = dialog.get() else { return };
        if live.overriding.get() {
            begin(live);
            _ = dialog.show_modal();
        } else {
            form.update(|form| form.pin.clear());
            dialog.close();
        }
    });
    let close = move || live.overriding.set(false);
    let refuse = move || form.with(|form| refusal(form).is_some());
    let names = ["crane_motion", "acs_collision", "ups_battery", "network", "system_load"];
    view! {
        <dialog class="dialog" node_ref=dialog aria-labelledby="override-title" on:close=happened(close)>
            <form class="form" on:submit=move |event| {
                event.prevent_default();
                if !refuse() {
                    send(live);
                }
            }>
                <h2 id="override-title">{t::TITLE}</h2>
                <p class="warning">{t::WARNING}</p>
                <fieldset>
                    <legend>{t::CONSTRAINTS}</legend>
                    {names.map(|name| view! { <Choice live name/> }).into_iter().collect_view()}
                </fieldset>
                <label class="field" for="override-reason">{t::REASON}</label>
                <textarea
                    id="override-reason"
                    rows="2"
                    maxlength="500"
                    prop:value=text(move || form.with(|form| form.reason.clone()))
                    on:input=typed(move |value| form.update(|form| form.reason = value))
                ></textarea>
                <label class="field" for="override-pin">{t::PIN}</label>
                <input
                    id="override-pin"
                    type="password"
                    inputmode="numeric"
                    autocomplete="off"
                    maxlength="32"
                    prop:value=text(move || form.with(|form| form.pin.clone()))
                    on:input=typed(move |value| form.update(|form| form.pin = value))
                />
                <p class="complaint" role="alert">{text(move || form.with(|form| form.complaint.clone()))}</p>
                <p class="why" id="override-missing">{text(move || form.with(refusal).unwrap_or_default().to_owned())}</p>
                <div class="actions end">
                    <button type="button" class="button" on:click=press(close)>{t::KEEP}</button>
                    <button
                        type="submit"
                        class="button danger"
                        disabled=flag(refuse)
                        aria-describedby="override-missing"
                    >
                        {t::CONFIRM}
                    </button>
                </div>
            </form>
        </dialog>
    }
}

/// A constraint that may be chosen, with how it stands.
#[component]
fn Choice(live: Live, name: &'static str) -> impl IntoView {
    let form = live.override_form;
    let offered = move || live.safety.with(|s| s.overridable.iter().any(|other| other == name));
    let state = move || {
        live.safety.with(|s| {
            let found = s.constraints.named().into_iter().find(|(other, _)| *other == name);
            found.map(|(_, constraint)| words::constraint_state(constraint).0).unwrap_or_default().to_owned()
        })
    };
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
                <span class="hint">{text(move || if offered() { state() } else { t::NEVER.to_owned() })}</span>
            </span>
        </label>
    }
}

fn send(live: Live) {
    let form = live.override_form;
    form.update(|form| {
        form.sending = true;
        form.complaint.clear();
    });
    let request = form.peek(|form| OverrideRequest {
        enable: true,
        pin: Some(form.pin.clone()),
        reason: form.reason.clone(),
        constraints: Some(form.chosen.clone()),
    });
    spawn_local(async move {
        let answer = api::order(&api::OverrideSafety { request }).await;
        form.update(|form| {
            form.sending = false;
            form.pin.clear();
        });
        match answer {
            Ok(text) => {
                live.overriding.set(false);
                let (tone, title, items) = (Tone::Warn, t::DONE, Vec::new());
                live.message.set(Some(Message { tone, title, text, items }));
            }
            Err(error) if error.error.code == ErrorCode::Unauthorized => crate::live::leave(),
            Err(error) => form.update(|form| form.complaint = error.message),
        }
        want(live, Wanted::SAFETY);
    });
}
