//! The interlocks, each with its reading and the reason for its state.

use leptos::prelude::*;
use ota_api::safety::{Constraint, Safety};

use crate::{
    live::Live,
    strings::{safety as t, words},
    ui::{StateWord, TableHead, text},
};

const COLUMNS: [&str; 7] = [t::CONSTRAINT, t::STATE, t::VALUE, t::SOURCE, t::AGE, t::CLEARS, t::REASON];

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
pub fn ConstraintTable(live: Live) -> impl IntoView {
    view! {
        <table class="stack" role="table">
            <TableHead caption=t::CAPTION columns=&COLUMNS/>
            <tbody role="rowgroup">
                {PICKS.map(|(name, pick)| view! { <Row live name pick/> }).into_iter().collect_view()}
            </tbody>
        </table>
    }
}

#[component]
fn Row(live: Live, name: &'static str, pick: Pick) -> impl IntoView {
    let of = move |read: fn(&Constraint) -> String| text(move || live.safety.with(|s| read(pick(s))));
    let state = move || live.safety.with(|s| words::constraint_state(pick(s)));
    let value = text(move || live.safety.with(|s| words::constraint_value(name, pick(s))));
    view! {
        <tr role="row" id=format!("constraint-{name}")>
            <th role="rowheader" scope="row">{words::constraint_title(name)}</th>
            <td role="cell" data-label=t::STATE><StateWord state/></td>
            <td role="cell" data-label=t::VALUE>{value}</td>
            <td role="cell" data-label=t::SOURCE>{of(|c| c.source.clone())}</td>
            <td role="cell" data-label=t::AGE>{of(|c| format!("{} s", c.age_seconds))}</td>
            <td role="cell" data-label=t::CLEARS>{of(words::constraint_clears)}</td>
            <td role="cell" data-label=t::REASON>{of(|c| c.reason.clone())}</td>
        </tr>
    }
}
