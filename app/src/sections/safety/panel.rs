//! The override: what it is, who has it and for how long, and the switch.

use leptos::prelude::*;
use ota_api::{human, safety::Force};

use crate::{
    live::{Danger, Live, Order, ask},
    rules,
    strings::{danger, overriding as t, words},
    ui::{ActionButton, Fact, Text, Why, flag, text, word},
};

/// A text about the override; empty when there is none.
fn of(live: Live, read: fn(&Force) -> String) -> Text {
    text(move || live.safety.with(|s| s.force.as_ref().map(read).unwrap_or_default()))
}

fn has(live: Live, test: fn(&Force) -> bool) -> bool {
    live.safety.with(|s| s.force.as_ref().is_some_and(test))
}

#[component]
pub fn OverridePanel(live: Live) -> impl IntoView {
    let active = move || has(live, |force| force.active);
    let reason = move || rules::override_safety(&live.facts());
    let end = move || rules::operate(&live.facts());
    let press = move || {
        if active() { ask(live, Order::EndOverride) } else { live.danger.set(Some(Danger::Override)) }
    };
    let refused = move || if active() { end() } else { reason() };
    view! {
        <article class="card override" aria-labelledby="override-heading" data-active=word(move || if active() { "true" } else { "false" })>
            <header>
                <h3 id="override-heading">{t::HEADING}</h3>
            </header>
            <p>{text(move || live.safety.with(words::override_sentence))}</p>
            <dl class="facts wide" hidden=flag(move || !has(live, |_| true))>
                <Fact label=t::BY value=of(live, words::override_people)/>
                <Fact label=danger::CONSTRAINTS value=of(live, |force| words::constraints(&force.constraints))/>
                <Fact label=t::WHY value=of(live, |force| force.reason.clone())/>
                <Fact label=t::SERVES value=of(live, |force| force.job_id.clone().unwrap_or_else(|| t::NEXT_OPERATION.to_owned()))/>
                <Fact label=t::LEFT value=of(live, |force| human::minutes(force.remaining_seconds))/>
            </dl>
            <div class="actions">
                <div class="action">
                    <ActionButton
                        live
                        label=word(move || if active() { t::END } else { t::FORCE })
                        class="danger"
                        described_by="override-why".to_owned()
                        reason=refused
                        press
                    />
                    <Why id="override-why".to_owned() reason=refused/>
                </div>
            </div>
        </article>
    }
}
