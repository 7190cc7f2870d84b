//! The dialog that asks for constraints, reason and PIN. What is typed stays in the form until the gateway has accepted it.

use leptos::{html, prelude::*, task::spawn_local};
use ota_api::{ErrorCode, safety::OverrideRequest};

use crate::{
    api,
    live::{Live, Message, Wanted, want},
    strings::{overriding as t, words},
    ui::{Tone, flag, text},
};

/// Characters that the gateway asks of a reason.
const SHORTEST_REASON: usize = 10;

/// What is being typed.
#[derive(Clone, Copy)]
struct Form {
    chosen: RwSignal<Vec<String>>,
    pin: RwSignal<String>,
    reason: RwSignal<String>,
    /// What the gateway said to the last try.
    complaint: RwSignal<String>,
    sending: RwSignal<bool>,
}

impl Form {
    fn new() -> Self {
        Self {
            chosen: RwSignal::default(),
            pin: RwSignal::default(),
            reason: RwSignal::default(),
            complaint: RwSignal::default(),
            sending: RwSignal::default(),
        }
    }

    /// What blocks now is chosen to begin with; a request that waits for its second person is repeated.
    fn begin(self, live: Live) {
        self.chosen.set(live.safety.peek(words::worth_overriding));
        self.pin.set(String::new());
        self.reason.set(String::new());
        self.complaint.set(String::new());
    }

    /// What is still missing, as a sentence.
    fn missing(self) -> Option<&'static str> {
        if self.chosen.with(Vec::is_empty) {
            return Some(t::CHOOSE);
        }
        if self.reason.with(|reason| reason.trim().chars().count() < SHORTEST_REASON) {
            return Some(t::SAY_WHY);
        }
        self.pin.with(String::is_empty).then_some(t::ENTER_PIN)
    }

    /// Why it cannot be sent now.
    fn refusal(self) -> Option<&'static str> {
        if self.sending.get() { Some(t::SENDING) } else { self.missing() }
    }

    fn choose(self, name: &str, on: bool) {
        self.chosen.update(|chosen| {
            chosen.retain(|other| other != name);
            if on {
                chosen.push(name.to_owned());
            }
        });
    }
}

#[component]
pub fn OverrideDialog(live: Live, open: RwSignal<bool>) -> impl IntoView {
    let dialog = NodeRef::<html::Dialog>::new();
    let form = Form::new();
    Effect::new(move |_| {
        let Some(dialog) = dialog.get() else { return };
        if open.get() {
            form.begin(live);
            _ = dialog.show_modal();
        } else {
            form.pin.set(String::new());
            dialog.close();
        }
    });
    let refuse = move || form.refusal().is_some();
    let names = ["crane_motion", "acs_collision", "ups_battery", "network", "system_load"];
    view! {
        <dialog class="dialog" node_ref=dialog aria-labelledby="override-title" on:close=move |_| open.set(false)>
            <form class="form" on:submit=move |event| {
                event.prevent_default();
                if !refuse() {
                    send(live, form, open);
                }
            }>
                <h2 id="override-title">{t::TITLE}</h2>
                <p class="warning">{t::WARNING}</p>
                <fieldset>
                    <legend>{t::CONSTRAINTS}</legend>
                    {names.map(|name| view! { <Choice live form name/> }).into_iter().collect_view()}
                </fieldset>
                <label class="field" for="override-reason">{t::REASON}</label>
                <textarea
                    id="override-reason"
                    rows="2"
                    maxlength="500"
                    prop:value=text(move || form.reason.get())
                    on:input=move |event| form.reason.set(event_target_value(&event))
                ></textarea>
                <label class="field" for="override-pin">{t::PIN}</label>
                <input
                    id="override-pin"
                    type="password"
                    inputmode="numeric"
                    autocomplete="off"
                    maxlength="32"
                    prop:value=text(move || form.pin.get())
                    on:input=move |event| form.pin.set(event_target_value(&event))
                />
                <p class="complaint" role="alert">{text(move || form.complaint.get())}</p>
                <p class="why" id="override-missing">{text(move || form.refusal().unwrap_or_default().to_owned())}</p>
                <div class="actions end">
                    <button type="button" class="button" on:click=move |_| open.set(false)>{t::KEEP}</button>
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
fn Choice(live: Live, form: Form, name: &'static str) -> impl IntoView {
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
                prop:checked=flag(move || form.chosen.with(|chosen| chosen.iter().any(|other| other == name)))
                on:change=move |event| form.choose(name, event_target_checked(&event))
            />
            <span>
                {words::constraint_title(name)}" "
                <span class="hint">{text(move || if offered() { state() } else { t::NEVER.to_owned() })}</span>
            </span>
        </label>
    }
}

fn send(live: Live, form: Form, open: RwSignal<bool>) {
    form.sending.set(true);
    form.complaint.set(String::new());
    let request = OverrideRequest {
        enable: true,
        pin: Some(form.pin.get_untracked()),
        reason: form.reason.get_untracked(),
        constraints: Some(form.chosen.get_untracked()),
    };
    spawn_local(async move {
        let answer = api::override_safety(request).await;
        form.sending.set(false);
        form.pin.set(String::new());
        match answer {
            Ok(reply) => {
                open.set(false);
                let tone = Tone::Warn;
                live.message.set(Some(Message {
                    tone,
                    title: t::DONE,
                    text: reply.message,
                    items: Vec::new(),
                }));
            }
            Err(error) if error.error.code == ErrorCode::Unauthorized => crate::live::leave(),
            Err(error) => form.complaint.set(error.message),
        }
        want(live, Wanted::SAFETY);
    });
}
