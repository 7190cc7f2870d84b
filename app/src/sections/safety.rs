//! Section 6: the interlocks, and overriding them.

mod panel;
mod table;

use leptos::prelude::*;

use super::audit::AuditLog;
use crate::{
    live::Live,
    strings::words,
    ui::{Section, StateWord, text, word},
};
use panel::OverridePanel;
use table::ConstraintTable;

#[component]
pub fn SafetySection(live: Live) -> impl IntoView {
    let verdict = move || live.safety.with(words::verdict);
    view! {
        <Section index=5>
            <p class="card verdict" data-tone=word(move || verdict().2.as_str())>
                <StateWord state=move || (verdict().0, verdict().2)/>" "
                <span>{text(move || verdict().1)}</span>
            </p>
            <ConstraintTable live/>
            <OverridePanel live/>
            <AuditLog live/>
        </Section>
    }
}
