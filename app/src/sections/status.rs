//! Section 1: the gateway and its two slots.

use leptos::prelude::*;
use ota_api::{
    SlotId,
    auth::Role,
    debug::DebugBundle,
    status::{Component, Partition, Status},
};

use crate::{
    live::{Live, Order, ask},
    rules,
    strings::{self, status as t, words},
    ui::{ActionButton, Fact, Section, StateWord, TableHead, Why, flag, text, word},
};

#[component]
pub fn StatusSection(live: Live) -> impl IntoView {
    let of = move |read: fn(&Status) -> String| text(move || live.system.with(read));
    let in_recovery = move || live.system.with(|s| s.gateway.in_recovery);
    let reason = move || {
        rules::take_snapshot(&live.facts()).or_else(|| in_recovery().then(|| t::NO_SNAPSHOT.to_owned()))
    };
    let making = move || live.debug.with(|debug| debug.bundles.iter().any(|b| b.status == "creating"));
    let debug = move || rules::debug_bundle(making(), &live.facts());
    view! {
        <Section index=0>
            <p class="alert" data-tone="bad" role="alert" hidden=flag(move || !in_recovery())>
                {of(words::in_recovery)}
            </p>
            <dl class="cards facts">
                <Fact label=t::GATEWAY value=of(|s| s.gateway.id.clone())/>
                <Fact label=t::MODEL value=of(|s| s.gateway.model.clone())/>
                <Fact label=t::VERSION value=of(|s| s.gateway.os_version.clone())/>
                <Fact label=t::KERNEL value=of(|s| s.gateway.kernel.clone())/>
                <Fact label=t::UPTIME value=of(|s| s.gateway.uptime.clone())/>
                <Fact label=t::BOOT_LOADER value=of(|s| s.gateway.bootloader.clone())/>
                <Fact
                    label=t::LAST_OTA
                    value=of(|s| words::moment_or(s.gateway.last_ota.as_deref(), strings::NEVER))
                />
                <Fact label=t::ROLLBACK value=of(words::rollback_rule)/>
            </dl>
            <div class="actions">
                <div class="action">
                    <ActionButton
                        live
                        label=word(|| t::SNAPSHOT)
                        described_by="snapshot-why".to_owned()
                        reason
                        press=move || ask(live, Order::TakeSnapshot { name: String::new() })
                    />
                    <Why id="snapshot-why".to_owned() reason/>
                </div>
                <div class="action">
                    <ActionButton
                        live
                        label=word(|| t::DEBUG_BUNDLE)
                        described_by="debug-why".to_owned()
                        reason=debug
                        press=move || ask(live, Order::DebugBundle)
                    />
                    <Why id="debug-why".to_owned() reason=debug/>
                </div>
            </div>
            <DebugBundles live/>
            <h3>{t::PARTITIONS}</h3>
            <div class="slots">
                <Slot live id=SlotId::A/>
                <Slot live id=SlotId::B/>
            </div>
            <Components live/>
        </Section>
    }
}

/// What is updated beside the system; nothing where there is nothing.
#[component]
fn Components(live: Live) -> impl IntoView {
    const COLUMNS: [&str; 4] = [t::COMPONENT, t::COMPONENT_VERSION, t::FORMER, t::INSTALLED];
    let none = flag(move || live.system.with(|s| s.components.is_empty()));
    let rows = move || live.system.with(|s| s.components.iter().map(component).collect_view());
    view! {
        <div id="components" hidden=none>
            <h3>{t::COMPONENTS}</h3>
            <table class="stack" role="table">
                <TableHead caption=t::COMPONENTS columns=&COLUMNS/>
                <tbody role="rowgroup">{rows}</tbody>
            </table>
        </div>
    }
}

fn component(component: &Component) -> impl IntoView + use<> {
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| strings::NONE.to_owned());
    view! {
        <tr role="row">
            <th role="rowheader" scope="row">{component.name.clone()}</th>
            <td role="cell" data-label=t::COMPONENT_VERSION>{text(&component.version)}</td>
            <td role="cell" data-label=t::FORMER>{text(&component.former_version)}</td>
            <td role="cell" data-label=t::INSTALLED>{words::moment_or(component.installed_at.as_deref(), strings::UNKNOWN)}</td>
        </tr>
    }
}

/// Those that are being made, can be downloaded, or came to nothing.
#[component]
fn DebugBundles(live: Live) -> impl IntoView {
    let none = move || live.debug.with(|debug| debug.bundles.is_empty());
    let may = live.role() >= Role::Operator;
    let rows =
        move || live.debug.with(|debug| debug.bundles.iter().map(|bundle| line(bundle, may)).collect_view());
    view! {
        <div class="card bundles" hidden=flag(none)>
            <h3>{t::DEBUG_BUNDLES}</h3>
            <p class="hint">{t::DEBUG_HINT}</p>
            <ul>{rows}</ul>
        </div>
    }
}

fn line(bundle: &DebugBundle, may: bool) -> impl IntoView + use<> {
    let url = bundle.download_url.clone().filter(|_| may);
    view! {
        <li>
            <span>{bundle.bundle_id.clone()}</span>" "
            <span class="hint">{words::debug_bundle(bundle)}</span>" "
            {url.map(|url| view! { <a class="button" href=url download="">{t::DOWNLOAD}</a> })}
        </li>
    }
}

/// One slot; it keeps its place on the page, whichever of the two runs.
#[component]
fn Slot(live: Live, id: SlotId) -> impl IntoView {
    let of = move |read: fn(&Partition) -> String| text(move || live.system.with(|s| read(find(s, id))));
    let state = move || live.system.with(|s| words::slot_health(find(s, id).status));
    let is = move |test: fn(&Partition) -> bool| live.system.with(|s| test(find(s, id)));
    let heading = format!("slot-{}", id.as_str().to_ascii_lowercase());
    let space = of(|s| format!("{} of {}", s.used, s.size));
    view! {
        <article class="card slot" aria-labelledby=heading.clone() data-booted=word(move || if is(|s| s.booted) { "true" } else { "false" })>
            <header>
                <h4 id=heading.clone()>"Slot "{id.as_str()}</h4>
                <StateWord state/>
            </header>
            <p class="version">{of(|s| s.version.clone())}</p>
            <p class="tags">
                <span class="tag strong" hidden=flag(move || is(|s| !s.booted))>{t::RUNNING}</span>
                <span class="tag" hidden=flag(move || is(|s| !s.next_boot))>{t::NEXT_BOOT}</span>
            </p>
            <p class="hint">{of(|s| words::slot_sentence(s).to_owned())}</p>
            <div class="gauge">
                <p><span>{t::USED}</span>" "<span>{space}</span></p>
                <meter
                    min="0"
                    max=of(|s| s.size_bytes.to_string())
                    value=of(|s| s.used_bytes.to_string())
                    aria-label=format!("{} of slot {id}", t::USED)
                ></meter>
            </div>
            <dl class="facts">
                <Fact label=t::TRIES value=of(|s| s.tries_left.to_string())/>
                <Fact label=t::KERNEL value=of(|s| s.kernel.clone())/>
                <Fact
                    label=t::INSTALLED
                    value=of(|s| words::moment_or(s.installed_at.as_deref(), strings::UNKNOWN))
                />
            </dl>
        </article>
    }
}

fn find(status: &Status, id: SlotId) -> &Partition {
    let partitions = &status.partitions;
    if partitions.active.id == id { &partitions.active } else { &partitions.inactive }
}
