//! Section 2: what the update server offers.

use leptos::prelude::*;
use ota_api::{
    Strategy,
    updates::{CheckSummary, Update as Offer},
};

use crate::{
    live::{Live, Order, ask},
    rules,
    strings::{self, plan, updates as t, words},
    ui::{ActionButton, Fact, Section, StateWord, Why, flag, text, word},
};

/// The table's columns.
const COLUMNS: [&str; 7] = [t::VERSION, t::KIND, t::SEVERITY, t::SIZE, t::RELEASED, t::SIGNATURE, t::ACTIONS];

#[component]
pub fn UpdatesSection(live: Live) -> impl IntoView {
    let none = move || live.updates.with(Vec::is_empty);
    let rows = move || {
        live.updates
            .with(|all| all.iter().map(|update| view! { <Row live update=update.clone()/> }).collect_view())
    };
    view! {
        <Section index=1>
            <Check live/>
            <p class="empty" hidden=flag(move || !none())>{word(move || live.check.with(nothing))}</p>
            <table class="stack" role="table" hidden=flag(none)>
                <caption class="visually-hidden">{t::CAPTION}</caption>
                <thead role="rowgroup">
                    <tr role="row">
                        {COLUMNS.map(|name| view! { <th role="columnheader" scope="col">{name}</th> }).into_iter().collect_view()}
                    </tr>
                </thead>
                {rows}
            </table>
        </Section>
    }
}

fn nothing(check: &CheckSummary) -> &'static str {
    if check.last_check.is_some() { t::NOTHING } else { t::NEVER_CHECKED }
}

/// The server, when it was asked, and asking it now.
#[component]
fn Check(live: Live) -> impl IntoView {
    let of = move |read: fn(&CheckSummary) -> String| text(move || live.check.with(read));
    let reason = move || rules::check_updates(&live.facts());
    let label = word(move || if live.check.with(|c| c.running) { t::CHECKING } else { t::CHECK });
    view! {
        <div class="card check">
            <dl class="facts">
                <Fact label=t::SERVER value=of(|c| c.server.clone())/>
                <Fact label=t::LAST_CHECK value=of(|c| words::moment_or(c.last_check.as_deref(), strings::NEVER))/>
                <Fact label=t::NEXT_CHECK value=of(|c| words::moment_or(c.next_check.as_deref(), strings::UNKNOWN))/>
            </dl>
            <div class="actions">
                <ActionButton
                    live
                    label
                    described_by="check-why".to_owned()
                    reason
                    press=move || ask(live, Order::Check)
                />
                <Why id="check-why".to_owned() reason/>
                <AutoUpdate live/>
            </div>
            <p class="alert" data-tone="bad" hidden=flag(move || live.check.with(|c| c.error.is_none()))>
                <strong>{t::CHECK_FAILED}</strong>" "
                {of(|c| c.error.clone().unwrap_or_default())}
            </p>
        </div>
    }
}

/// The switch for what is installed without a person.
#[component]
fn AutoUpdate(live: Live) -> impl IntoView {
    let enabled = move || live.settings.with(|settings| settings.auto_update.enabled);
    let reason = move || rules::switch_auto_update(&live.facts());
    let switch = move || {
        let enabled = !live.settings.peek(|settings| settings.auto_update.enabled);
        ask(live, Order::SwitchAutoUpdate { enabled });
    };
    view! {
        <ActionButton
            live
            label=word(move || if enabled() { t::AUTO_ON } else { t::AUTO_OFF })
            described_by="auto-update-why".to_owned()
            reason
            press=switch
        />
        <Why id="auto-update-why".to_owned() reason/>
    }
}

/// One update: what it is, what it changes, and installing it.
#[component]
fn Row(live: Live, update: Offer) -> impl IntoView {
    let (id, version) = (update.id.clone(), update.version.clone());
    let heading = format!("{id}-version");
    let severity = words::severity(update.severity);
    let signature = (words::signature(&update), words::signature_tone(&update));
    let description = update.description.clone();
    let changelog = update.changelog.clone();
    let failure = update.last_failure.clone();
    let by_itself = plan::by_itself(&update);
    view! {
        <tbody role="rowgroup" aria-labelledby=heading.clone()>
            <tr role="row">
                <th role="rowheader" scope="row" id=heading.clone()>{version}</th>
                <td role="cell" data-label=t::KIND>{words::kind(update.kind)}</td>
                <td role="cell" data-label=t::SEVERITY><StateWord state=move || severity/></td>
                <td role="cell" data-label=t::SIZE>{update.size.clone()}</td>
                <td role="cell" data-label=t::RELEASED>{update.released.clone()}</td>
                <td role="cell" data-label=t::SIGNATURE><StateWord state=move || signature/></td>
                <td role="cell" class="row-actions"><Buttons live update/></td>
            </tr>
            <tr role="row" class="more">
                <td role="cell" colspan="7">
                    <p>{description}</p>
                    <p class="hint">{by_itself}</p>
                    {failure.map(|text| view! { <p class="alert" data-tone="warn">{text}</p> })}
                    <Changelog id lines=changelog/>
                </td>
            </tr>
        </tbody>
    }
}

#[component]
fn Changelog(id: String, lines: Vec<String>) -> impl IntoView {
    let none = lines.is_empty();
    view! {
        <details id=format!("{id}-changelog") hidden=none>
            <summary>{format!("{} ({})", t::CHANGELOG, lines.len())}</summary>
            <ul>{lines.into_iter().map(|line| view! { <li>{line}</li> }).collect_view()}</ul>
        </details>
    }
}

/// Both buttons of an update, and the reason that keeps them back.
#[component]
fn Buttons(live: Live, update: Offer) -> impl IntoView {
    let why = format!("{}-why", update.id);
    let (id, version) = (update.id.clone(), update.version.clone());
    let order = move |install: bool| {
        let (id, version) = (id.clone(), version.clone());
        if install {
            Order::InstallUpdate { id, version, snapshot: true, strategy: Strategy::Seamless }
        } else {
            Order::DownloadUpdate { id, version }
        }
    };
    let (install, download) = (order.clone(), order);
    let about = update.version.clone();
    // Nothing keeps a download back that would not keep the installation back too: one line tells both.
    let update = StoredValue::new(update);
    let install_refused = move || update.with_value(|u| rules::install_update(u, &live.facts()));
    let download_refused = move || update.with_value(|u| rules::download_update(u, &live.facts()));
    view! {
        <div class="actions">
            <ActionButton
                live
                label=word(|| t::INSTALL)
                about=about.clone()
                class="primary"
                described_by=why.clone()
                reason=install_refused
                press=move || ask(live, install(true))
            />
            <ActionButton
                live
                label=word(|| t::DOWNLOAD)
                about=about.clone()
                described_by=why.clone()
                reason=download_refused
                press=move || ask(live, download(false))
            />
        </div>
        <Why id=why reason=install_refused/>
    }
}
