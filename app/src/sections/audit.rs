//! The audit log: who did what, from where, why, and what came of it.

use leptos::{html, prelude::*};
use ota_api::{
    audit::{AuditAction, AuditRecord},
    auth::Role,
    human, routes,
};

use crate::{
    live::{AuditList, Live, read_audit},
    strings::{audit as t, words},
    ui::{STARTING_ID, TableHead, flag, happened, press, text, typed},
};

const COLUMNS: [&str; 6] = [t::TIME, t::WHO, t::FROM, t::WHAT, t::WHY, t::RESULT];

/// For those who may read it. It is read each time that it is opened.
#[component]
pub fn AuditLog(live: Live) -> impl IntoView {
    let details = NodeRef::<html::Details>::new();
    // It may have been opened before the page answered.
    Effect::new(move |_| {
        if details.get().is_some_and(|details| details.open()) {
            read_audit(live, false);
        }
    });
    let toggle = move || {
        if details.get_untracked().is_some_and(|details| details.open()) {
            read_audit(live, false);
        }
    };
    (live.role() >= Role::Operator).then(|| {
        view! {
            <details class="card audit" id="audit" node_ref=details on:toggle=happened(toggle)>
                <summary>{t::TITLE}</summary>
                <Filter live/>
                <p class="audit-told" role="status">{text(move || live.audit.with(told))}</p>
                <Records live/>
                <button
                    type="button"
                    class="button"
                    hidden=flag(move || live.audit.with(|list| list.next_before.is_none()))
                    disabled=flag(move || live.audit.with(|list| list.reading))
                    on:click=press(move || read_audit(live, true))
                >
                    {t::OLDER}
                </button>
            </details>
        }
    })
}

#[component]
fn Filter(live: Live) -> impl IntoView {
    let choose = move |change: fn(&mut AuditList, String), value: String| {
        live.audit.update(|list| change(list, value));
        read_audit(live, false);
    };
    let options = AuditAction::ALL.map(|action| {
        view! { <option value=action.as_str()>{t::action(action.as_str())}</option> }
    });
    let starting = move || flag(move || !live.ready.get());
    let described = move || move || (!live.ready.get()).then_some(STARTING_ID);
    view! {
        <div class="audit-filter">
            <label>
                <span>{t::ACTION}</span>" "
                <select
                    disabled=starting()
                    aria-describedby=described()
                    on:change=typed(move |value| choose(|list, chosen| list.action = chosen, value))
                >
                    <option value="">{t::ALL_ACTIONS}</option>
                    {options.into_iter().collect_view()}
                </select>
            </label>
            <label>
                <span>{t::USER}</span>" "
                <input
                    type="text"
                    autocomplete="off"
                    disabled=starting()
                    aria-describedby=described()
                    on:change=typed(move |value| choose(|list, chosen| list.actor = chosen, value))
                />
            </label>
            <a class="button" href=routes::AUDIT_EXPORT download="">{t::EXPORT}</a>
        </div>
    }
}

#[component]
fn Records(live: Live) -> impl IntoView {
    view! {
        <table class="stack" role="table" hidden=flag(move || live.audit.with(|list| list.records.is_empty()))>
            <TableHead caption=t::CAPTION columns=&COLUMNS/>
            <tbody role="rowgroup">{move || live.audit.with(|list| list.records.iter().map(row).collect_view())}</tbody>
        </table>
    }
}

fn row(record: &AuditRecord) -> impl IntoView + use<> {
    let (outcome, tone) = t::outcome(record);
    let AuditRecord { at, action, subject, reason, detail, .. } = record.clone();
    let time = words::moment(&at);
    view! {
        <tr role="row">
            <td role="cell" data-label=t::TIME><time datetime=at>{time}</time></td>
            <td role="cell" data-label=t::WHO>{t::actor(record)}</td>
            <td role="cell" data-label=t::FROM>{t::origin(record)}</td>
            <td role="cell" data-label=t::WHAT>
                <div>{t::action(&action)}" "<span class="audit-subject">{subject}</span></div>
            </td>
            <td role="cell" data-label=t::WHY>{t::reason(reason)}</td>
            <td role="cell" data-label=t::RESULT>
                <div><span class="state" data-tone=tone.as_str()>{outcome}</span>" "<span>{detail}</span></div>
            </td>
        </tr>
    }
}

/// What stands above the table: why there is none, or how much there is.
fn told(list: &AuditList) -> String {
    if !list.error.is_empty() {
        list.error.clone()
    } else if list.records.is_empty() && (list.reading || list.total == 0) {
        t::READING.to_owned()
    } else if list.records.is_empty() {
        t::NONE.to_owned()
    } else {
        t::amount(list.total, &human::size(list.size_bytes))
    }
}
