//! Section 5: the way back.

use leptos::prelude::*;
use ota_api::status::{Partition, Status};

use crate::{
    live::Live,
    strings::{recovery as t, words},
    ui::{Fact, Section, StateWord, text},
};

#[component]
pub fn RecoverySection(live: Live) -> impl IntoView {
    let of = move |read: fn(&Status) -> String| text(move || live.system.with(read));
    let state = move || live.system.with(|s| words::slot_health(s.partitions.inactive.status));
    view! {
        <Section index=4>
            <div class="groups">
                <article class="card">
                    <header><h3>{t::ROLLBACK}</h3><StateWord state/></header>
                    <p>{of(|s| words::way_back(&s.partitions.inactive))}</p>
                    <dl class="facts">
                        <Fact label=t::SLOT value=of(|s| s.partitions.inactive.id.to_string())/>
                        <Fact label=t::VERSION value=of(|s| version(&s.partitions.inactive))/>
                    </dl>
                </article>
                <article class="card">
                    <h3>{t::AUTOMATIC}</h3>
                    <p>{of(words::rollback_rule)}</p>
                </article>
            </div>
            <p class="later">{t::LATER}</p>
        </Section>
    }
}

fn version(slot: &Partition) -> String {
    slot.version.clone()
}
