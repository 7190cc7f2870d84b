//! Section 3: images that do not come from the update server.

use leptos::prelude::*;
use ota_api::status::Status;

use crate::{
    live::Live,
    strings::upload as t,
    ui::{Fact, Section, text},
};

#[component]
pub fn UploadSection(live: Live) -> impl IntoView {
    let of = move |read: fn(&Status) -> String| text(move || live.system.with(read));
    let format = text(|| t::FORMAT_VALUE.to_owned());
    view! {
        <Section index=2>
            <p>{t::INTRO}</p>
            <dl class="cards facts">
                <Fact
                    label=t::TARGET
                    value=of(|s| format!("{}, now {}", s.partitions.inactive.id, s.partitions.inactive.version))
                />
                <Fact label=t::MODEL value=of(|s| s.gateway.model.clone())/>
                <Fact label=t::FORMAT value=format/>
                <Fact label=t::SPACE value=of(|s| s.partitions.inactive.size.clone())/>
            </dl>
            <p class="later">{t::LATER}</p>
        </Section>
    }
}
