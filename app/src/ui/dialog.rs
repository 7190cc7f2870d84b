//! The question before something is done.

use leptos::{html, prelude::*};
use ota_api::Strategy;

use super::{Flag, flag, happened, press, text, ticked, typed, word};
use crate::{
    live::{Live, Order, perform},
    strings::{
        questions::{NAME, Question, RESTART_CHOICE, SNAPSHOT_CHOICE, STRATEGY_CHOICE, question},
        words,
    },
};

/// Asks about the order in `live.question`, and performs it when the answer is yes.
#[component]
pub fn ConfirmDialog(live: Live) -> impl IntoView {
    let dialog = NodeRef::<html::Dialog>::new();
    Effect::new(move |_| {
        let Some(dialog) = dialog.get() else { return };
        if live.question.with(Option::is_some) {
            live.restart_after.set(true);
            live.snapshot_first.set(true);
            live.input.set(String::new());
            _ = dialog.show_modal();
        } else {
            dialog.close();
        }
    });
    let asked = move || {
        let facts = live.facts();
        let (strategy, order) = (live.strategy.get(), live.question.with(Clone::clone)?);
        let about_job = matches!(order, Order::Cancel { .. } | Order::Restart { .. } | Order::GoOn { .. });
        let of_job = live.job.with(|job| job.as_ref().filter(|_| about_job).map(|job| job.target_partition));
        question(&order, strategy, of_job.unwrap_or(facts.target), &facts.running)
    };
    let part =
        move |read: fn(&Question) -> String| text(move || asked().as_ref().map(read).unwrap_or_default());
    let confirm = move || {
        if let Some(order) = live.question.peek(Option::clone) {
            live.question.set(None);
            perform(live, with_choices(live, order));
        }
    };
    // What has to be typed is not typed yet.
    let untyped = move || {
        asked().is_some_and(|q| q.asks_for.is_some()) && live.input.with(|input| input.trim().is_empty())
    };
    view! {
        <dialog
            class="dialog"
            node_ref=dialog
            aria-labelledby="question-title"
            on:close=happened(move || live.question.set(None))
        >
            <h2 id="question-title">{part(|q| q.title.clone())}</h2>
            <dl class="facts">{move || asked().as_ref().map(facts)}</dl>
            <ul class="effects">{move || asked().as_ref().map(effects)}</ul>
            <Strategies live asked=flag(move || asked().is_some_and(|q| q.asks_about_strategy))/>
            <label class="choice" hidden=flag(move || !asked().is_some_and(|q| q.asks_about_restart))>
                <input
                    type="checkbox"
                    prop:checked=flag(move || live.restart_after.get())
                    on:change=ticked(move |on| live.restart_after.set(on))
                />
                {RESTART_CHOICE}
            </label>
            <label class="choice" hidden=flag(move || !asked().is_some_and(|q| q.asks_about_snapshot))>
                <input
                    type="checkbox"
                    prop:checked=flag(move || live.snapshot_first.get())
                    on:change=ticked(move |on| live.snapshot_first.set(on))
                />
                {SNAPSHOT_CHOICE}
            </label>
            <label class="asked" hidden=flag(move || asked().is_none_or(|q| q.asks_for.is_none()))>
                {part(|q| q.asks_for.unwrap_or_default().to_owned())}
                <input
                    type="text"
                    maxlength=word(move || if asked().is_some_and(|q| q.asks_for == Some(NAME)) { "64" } else { "500" })
                    autocomplete="off"
                    prop:value=text(move || live.input.get())
                    on:input=typed(move |value| live.input.set(value))
                />
            </label>
            <div class="actions end">
                <button type="button" class="button" on:click=press(move || live.question.set(None))>
                    {part(|q| q.refuse.to_owned())}
                </button>
                <button type="button" class="button primary" disabled=flag(untyped) on:click=press(confirm)>
                    {part(|q| q.confirm.to_owned())}
                </button>
            </div>
        </dialog>
    }
}

/// How the images reach the system, where the gateway has more than one way.
#[component]
fn Strategies(live: Live, asked: Flag) -> impl IntoView {
    let usable = move |strategy| {
        live.system.with(|s| s.strategies.iter().any(|o| o.strategy == strategy && o.refused.is_none()))
    };
    let only_one = move || Strategy::ALL.into_iter().filter(|strategy| usable(*strategy)).count() < 2;
    let choices = Strategy::ALL.map(|strategy| {
        view! {
            <label class="choice" hidden=flag(move || !usable(strategy))>
                <input
                    type="radio"
                    name="strategy"
                    prop:checked=flag(move || live.strategy.get() == strategy)
                    on:change=happened(move || live.strategy.set(strategy))
                />
                {words::strategy(strategy)}
            </label>
        }
    });
    view! {
        <fieldset hidden=flag(move || !asked() || only_one())>
            <legend>{STRATEGY_CHOICE}</legend>
            {choices.into_iter().collect_view()}
        </fieldset>
    }
}

/// The order with what was chosen and typed.
fn with_choices(live: Live, mut order: Order) -> Order {
    let (restart, keep) =
        (live.restart_after.peek(|choice| *choice), live.snapshot_first.peek(|choice| *choice));
    let way = live.strategy.peek(|choice| *choice);
    match &mut order {
        Order::InstallUpdate { snapshot, strategy, .. } => (*snapshot, *strategy) = (keep, way),
        Order::InstallDownloaded { reboot_after, snapshot, strategy, .. }
        | Order::Deploy { reboot_after, snapshot, strategy, .. } => {
            (*reboot_after, *snapshot, *strategy) = (restart, keep, way);
        }
        Order::TakeSnapshot { name: typed } | Order::Rollback { reason: typed, .. } => {
            *typed = live.input.peek(String::clone);
        }
        _ => {}
    }
    order
}

fn facts(question: &Question) -> impl IntoView + use<> {
    let rows = question.facts.clone().into_iter();
    rows.map(|(label, value)| view! { <div class="fact"><dt>{label}</dt><dd>{value}</dd></div> })
        .collect_view()
}

fn effects(question: &Question) -> impl IntoView + use<> {
    question.effects.clone().into_iter().map(|text| view! { <li>{text}</li> }).collect_view()
}
