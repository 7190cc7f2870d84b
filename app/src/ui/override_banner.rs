//! The red line that nobody overlooks while safety constraints are overridden.

use leptos::prelude::*;

use super::{ActionButton, Why, flag, text, word};
use crate::{
    live::{Live, Order, ask},
    rules,
    strings::{overriding as t, words},
};

#[component]
pub fn OverrideBanner(live: Live) -> impl IntoView {
    let told = move || {
        live.safety.with(|s| s.force.as_ref().filter(|force| force.active).map(words::override_banner))
    };
    let reason = move || rules::operate(&live.facts());
    view! {
        <div class="banner override-banner" data-tone="bad" hidden=flag(move || told().is_none())>
            <p>{text(move || told().unwrap_or_default())}</p>
            <ActionButton
                live
                label=word(|| t::END)
                class="quiet"
                described_by="override-end-why".to_owned()
                reason
                press=move || ask(live, Order::EndOverride)
            />
            <Why id="override-end-why".to_owned() reason/>
        </div>
    }
}
