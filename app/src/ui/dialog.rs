//! The question before something is done.

use leptos::{html, prelude::*};

use super::{flag, text};
use crate::{
    live::{Live, Order, perform},
    strings::questions::{Question, RESTART_CHOICE, question},
};

/// Asks about the order in `live.question`, and performs it when the answer is yes.
#[component]
pub fn ConfirmDialog(live: Live) -> impl IntoView {
    let dialog = NodeRef::<html::Dialog>::new();
    Effect::new(move |_| {
        let Some(dialog) = dialog.get() else { return };
        if live.question.with(Option::is_some) {
            live.restart_after.set(true);
            _ = dialog.show_modal();
        } else {
            dialog.close();
        }
    });
    let asked = move || {
        let facts = live.facts();
        live.question.with(|order| order.as_ref().and_then(|o| question(o, facts.target, &facts.running)))
    };
    let part =
        move |read: fn(&Question) -> String| text(move || asked().as_ref().map(read).unwrap_or_default());
    let confirm = move |_| {
        if let Some(order) = live.question.peek(Option::clone) {
            live.question.set(None);
            perform(live, with_choice(order, live.restart_after.peek(|choice| *choice)));
        }
    };
    view! {
        <dialog
            class="dialog"
            node_ref=dialog
            aria-labelledby="question-title"
            on:close=move |_| live.question.set(None)
        >
            <h2 id="question-title">{part(|q| q.title.clone())}</h2>
            <dl class="facts">{move || asked().as_ref().map(facts)}</dl>
            <ul class="effects">{move || asked().as_ref().map(effects)}</ul>
            <label class="choice" hidden=flag(move || !asked().is_some_and(|q| q.asks_about_restart))>
                <input
                    type="checkbox"
                    prop:checked=flag(move || live.restart_after.get())
                    on:change=move |event| live.restart_after.set(event_target_checked(&event))
                />
                {RESTART_CHOICE}
            </label>
            <div class="actions end">
                <button type="button" class="button" on:click=move |_| live.question.set(None)>
                    {part(|q| q.refuse.to_owned())}
                </button>
                <button type="button" class="button primary" on:click=confirm>
                    {part(|q| q.confirm.to_owned())}
                </button>
            </div>
        </dialog>
    }
}

fn with_choice(order: Order, restart: bool) -> Order {
    match order {
        Order::InstallDownloaded { job_id, version, .. } => {
            Order::InstallDownloaded { job_id, version, reboot_after: restart }
        }
        other => other,
    }
}

fn facts(question: &Question) -> impl IntoView + use<> {
    let rows = question.facts.clone().into_iter();
    rows.map(|(label, value)| view! { <div class="fact"><dt>{label}</dt><dd>{value}</dd></div> })
        .collect_view()
}

fn effects(question: &Question) -> impl IntoView + use<> {
    question.effects.clone().into_iter().map(|text| view! { <li>{text}</li> }).collect_view()
}
