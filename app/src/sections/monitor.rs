//! Section 7: what is going on.

mod checks;
mod job;
mod log;

use leptos::prelude::*;
use ota_api::monitor::Monitor;

use crate::{
    live::Live,
    strings::{monitor as t, words},
    ui::{Fact, Section, text},
};
use job::JobPanel;
use log::ActivityLog;

#[component]
pub fn MonitorSection(live: Live) -> impl IntoView {
    view! {
        <Section index=6>
            <JobPanel live/>
            <Resources live/>
            <ActivityLog live/>
        </Section>
    }
}

/// What the gateway does and how busy it is.
#[component]
fn Resources(live: Live) -> impl IntoView {
    let of = move |read: fn(&Monitor) -> String| text(move || live.monitor.with(read));
    let cpu = || of(|m| ota_api::human::with_tenths(m.resources.cpu_usage));
    let memory = || of(|m| m.resources.memory_usage.trim_end_matches('%').to_owned());
    view! {
        <article class="card resources">
            <h3>{t::RESOURCES}</h3>
            <dl class="facts">
                <Fact label=t::STATE value=of(|m| words::system_state(&m.system_status))/>
                <Fact label=t::OPERATION value=of(|m| words::system_state(&m.current_operation))/>
            </dl>
            <div class="gauge">
                <p><span>{t::CPU}</span>" "<span>{cpu()}" %"</span></p>
                <meter min="0" max="100" high="85" value=cpu() aria-label=t::CPU></meter>
            </div>
            <div class="gauge">
                <p><span>{t::MEMORY}</span>" "<span>{memory()}" %"</span></p>
                <meter min="0" max="100" high="85" value=memory() aria-label=t::MEMORY></meter>
            </div>
        </article>
    }
}
