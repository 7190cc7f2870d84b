//! Section 6: the interlocks, each with its reading and the reason for its state.

use leptos::prelude::*;
use ota_api::safety::{Constraint, Safety};

use super::audit::AuditLog;
use crate::{
    live::Live,
    strings::{safety as t, words},
    ui::{Section, StateWord, text, word},
};

const COLUMNS: [&str; 6] = [t::CONSTRAINT, t::STATE, t::VALUE, t::SOURCE, t::AGE, t::REASON];

/// Where each constraint stands in the data.
type Pick = fn(&Safety) -> &Constraint;
const PICKS: [(&str, Pick); 5] = [
    ("crane_motion", |s| &s.constraints.crane_motion),
    ("acs_collision", |s| &s.constraints.acs_collision),
    ("ups_battery", |s| &s.constraints.ups_battery),
    ("network", |s| &s.constraints.network),
    ("system_load", |s| &s.constraints.system_load),
];

#[component]
pub fn SafetySection(live: Live) -> impl IntoView {
    let verdict = move || live.safety.with(words::verdict);
    view! {
        <Section index=5>
            <p class="card verdict" data-tone=word(move || verdict().2.as_str())>
                <StateWord state=move || (verdict().0, verdict().2)/>" "
                <span>{text(move || verdict().1)}</span>
            </p>
            <table class="stack" role="table">
                <caption class="visually-hidden">{t::CAPTION}</caption>
                <thead role="rowgroup">
                    <tr role="row">
                        {COLUMNS.map(|name| view! { <th role="columnheader" scope="col">{name}</th> }).into_iter().collect_view()}
                    </tr>
                </thead>
                <tbody role="rowgroup">
                    {PICKS.map(|(name, pick)| view! { <Row live name pick/> }).into_iter().collect_view()}
                </tbody>
            </table>
            <AuditLog live/>
        </Section>
    }
}

#[component]
fn Row(live: Live, name: &'static str, pick: Pick) -> impl IntoView {
    let of = move |read: fn(&Constraint) -> String| text(move || live.safety.with(|s| read(pick(s))));
    let state = move || live.safety.with(|s| words::constraint_state(pick(s)));
    let value = text(move || live.safety.with(|s| words::constraint_value(name, pick(s))));
    let reason = of(words::constraint_reason);
    view! {
        <tr role="row" id=format!("constraint-{name}")>
            <th role="rowheader" scope="row">{words::constraint_title(name)}</th>
            <td role="cell" data-label=t::STATE><StateWord state/></td>
            <td role="cell" data-label=t::VALUE>{value}</td>
            <td role="cell" data-label=t::SOURCE>{of(|c| c.source.clone())}</td>
            <td role="cell" data-label=t::AGE>{of(|c| format!("{} s", c.age_seconds))}</td>
            <td role="cell" data-label=t::REASON>{reason}</td>
        </tr>
    }
}
