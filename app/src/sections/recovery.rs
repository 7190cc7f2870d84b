//! Section 5: the way back.

use leptos::prelude::*;
use ota_api::{
    recovery::Recovery,
    status::{Partition, Status},
};

use super::upload_form::UploadForm;
use crate::{
    live::{Danger, Live, Order, ask},
    rules,
    strings::{recovery as t, reset, words},
    ui::{ActionButton, Fact, Section, StateWord, TableHead, Why, flag, text, word},
};

/// The table's columns.
const COLUMNS: [&str; 6] = [t::VERSION, t::SOURCE, t::TAKEN, t::SIZE, t::RESTORES, t::ACTIONS];

#[component]
pub fn RecoverySection(live: Live) -> impl IntoView {
    let of = move |read: fn(&Status) -> String| text(move || live.system.with(read));
    view! {
        <Section index=4>
            <div class="groups">
                <Former live/>
                <article class="card">
                    <h3>{t::AUTOMATIC}</h3>
                    <p>{of(words::rollback_rule)}</p>
                </article>
            </div>
            <Sources live/>
            <Factory live/>
        </Section>
    }
}

/// The system in the other slot, and going back to it.
#[component]
fn Former(live: Live) -> impl IntoView {
    let of = move |read: fn(&Partition) -> String| {
        text(move || live.system.with(|s| read(&s.partitions.inactive)))
    };
    let state = move || live.system.with(|s| words::slot_health(s.partitions.inactive.status));
    let reason =
        move || live.recovery.with(|r| rules::rollback(r.rollback_refused.as_deref(), &live.facts()));
    let press = move || {
        let (to, version) =
            live.system.peek(|s| (s.partitions.inactive.id, s.partitions.inactive.version.clone()));
        ask(live, Order::Rollback { to, version, reason: String::new() });
    };
    view! {
        <article class="card">
            <header><h3>{t::ROLLBACK}</h3><StateWord state/></header>
            <p>{of(words::way_back)}</p>
            <dl class="facts">
                <Fact label=t::SLOT value=of(|slot| slot.id.to_string())/>
                <Fact label=t::VERSION value=of(|slot| slot.version.clone())/>
            </dl>
            <div class="action">
                <ActionButton
                    live
                    label=word(|| t::ROLL_BACK)
                    class="danger"
                    described_by="rollback-why".to_owned()
                    reason
                    press
                />
                <Why id="rollback-why".to_owned() reason/>
            </div>
        </article>
    }
}

/// The recovery image, and back to the state of delivery.
#[component]
fn Factory(live: Live) -> impl IntoView {
    let reason = move || rules::factory_reset(&live.facts());
    let image = move || live.recovery.with(|r| reset::image(r.recovery_image.as_ref()));
    let slot = move || live.recovery.with(|r| reset::slot(r.recovery_slot.as_ref()));
    view! {
        <article class="card">
            <h3>{t::IMAGE}</h3>
            <dl class="facts">
                <Fact label=t::INSTALLS value=text(image)/>
                <Fact label=t::RECOVERY_SLOT value=text(slot)/>
            </dl>
            <UploadForm live recovery=true/>
        </article>
        <article class="card">
            <h3>{t::FACTORY}</h3>
            <p>{t::FACTORY_INTRO}</p>
            <div class="action">
                <ActionButton
                    live
                    label=word(|| t::RESET)
                    class="danger"
                    described_by="factory-why".to_owned()
                    reason
                    press=move || live.danger.set(Some(Danger::FactoryReset))
                />
                <Why id="factory-why".to_owned() reason/>
            </div>
        </article>
    }
}

/// Something that can be restored.
#[derive(Clone)]
struct Source {
    version: String,
    /// Id and name of a snapshot; none for a bundle that was kept.
    snapshot: Option<(String, String)>,
    since: String,
    size: String,
    restores: String,
    damaged: Option<String>,
}

/// Snapshots first, then bundles.
fn sources(recovery: &Recovery) -> Vec<Source> {
    let snapshots = recovery.snapshots.iter().map(|snapshot| Source {
        version: snapshot.version.clone(),
        snapshot: Some((snapshot.id.clone(), snapshot.name.clone())),
        since: snapshot.created_at.clone(),
        size: snapshot.size.clone(),
        restores: snapshot.restores.clone(),
        damaged: snapshot.damaged.clone(),
    });
    let bundles = recovery.bundles.iter().map(|bundle| Source {
        version: bundle.version.clone(),
        snapshot: None,
        since: bundle.kept_since.clone(),
        size: bundle.size.clone(),
        restores: bundle.restores.clone(),
        damaged: None,
    });
    snapshots.chain(bundles).collect()
}

#[component]
fn Sources(live: Live) -> impl IntoView {
    let none = move || live.recovery.with(|r| r.snapshots.is_empty() && r.bundles.is_empty());
    let rows = move || {
        let sources = live.recovery.with(sources);
        sources.into_iter().enumerate().map(|(row, source)| view! { <Row live row source/> }).collect_view()
    };
    view! {
        <h3>{t::RESTORE}</h3>
        <p class="empty" hidden=flag(move || !none())>{t::NOTHING}</p>
        <table class="stack" role="table" hidden=flag(none)>
            <TableHead caption=t::SOURCES columns=&COLUMNS/>
            <tbody role="rowgroup">{rows}</tbody>
        </table>
    }
}

#[component]
fn Row(live: Live, row: usize, source: Source) -> impl IntoView {
    let why = format!("restore-{row}-why");
    let shown = match &source.snapshot {
        Some((id, name)) => format!("{id}: {name}"),
        None => t::KEPT_BUNDLE.to_owned(),
    };
    let (damaged, snapshot) = (source.damaged.clone(), source.snapshot.clone());
    let reason = {
        let damaged = StoredValue::new(source.damaged.clone());
        move || damaged.get_value().or_else(|| rules::change_slot(&live.facts()))
    };
    let order = Order::Restore {
        version: source.version.clone(),
        snapshot: snapshot.as_ref().map(|(id, _)| id.clone()),
    };
    let delete = move || rules::take_snapshot(&live.facts());
    view! {
        <tr role="row">
            <th role="rowheader" scope="row">{source.version}</th>
            <td role="cell" data-label=t::SOURCE>{shown.clone()}</td>
            <td role="cell" data-label=t::TAKEN>{words::moment(&source.since)}</td>
            <td role="cell" data-label=t::SIZE>{source.size}</td>
            <td role="cell" data-label=t::RESTORES>{damaged.unwrap_or(source.restores)}</td>
            <td role="cell" class="row-actions">
                <div class="actions">
                    <ActionButton
                        live
                        label=word(|| t::RESTORE_NOW)
                        about=shown.clone()
                        described_by=why.clone()
                        reason
                        press=move || ask(live, order.clone())
                    />
                    {snapshot
                        .map(|(id, name)| {
                            view! {
                                <ActionButton
                                    live
                                    label=word(|| t::DELETE)
                                    about=shown
                                    described_by=why.clone()
                                    reason=delete
                                    press=move || {
                                        ask(live, Order::DeleteSnapshot { id: id.clone(), name: name.clone() })
                                    }
                                />
                            }
                        })}
                </div>
                <Why id=format!("restore-{row}-why") reason/>
            </td>
        </tr>
    }
}
