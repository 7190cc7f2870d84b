//! Section 7: what is going on.

mod checks;
mod job;
mod log;

use leptos::prelude::*;
use ota_api::{monitor::Monitor, settings::Automation};

use crate::{
    live::Live,
    strings::{self, monitor as t, plan, words},
    ui::{Fact, Section, flag, text},
};
use job::JobPanel;
use log::ActivityLog;

#[component]
pub fn MonitorSection(live: Live) -> impl IntoView {
    view! {
        <Section index=6>
            <JobPanel live/>
            <ByItself live/>
            <Resources live/>
            <ActivityLog live/>
        </Section>
    }
}

/// What comes without a person, and what came of it last.
#[component]
fn ByItself(live: Live) -> impl IntoView {
    let of = move |read: fn(&Automation) -> String| text(move || live.monitor.with(|m| read(&m.automation)));
    let window = text(move || live.monitor.with(|m| plan::window(&m.automation, live.monitor_age.get())));
    let waits = move || live.monitor.with(|m| m.automation.restart.as_ref().is_some_and(|r| !r.eligible));
    view! {
        <article class="card">
            <h3>{plan::TITLE}</h3>
            <dl class="facts wide">
                <Fact
                    label=plan::NEXT_CHECK
                    value=text(move || live.monitor.with(|m| words::moment_or(m.next_check.as_deref(), strings::NEVER)))
                />
                <Fact label=plan::NEXT_WINDOW value=window/>
                <div class="fact" hidden=flag(move || !waits())>
                    <dt>{plan::WAITS}</dt>
                    <dd>{of(|a| a.restart.as_ref().map(|r| plan::sentences(&r.reasons)).unwrap_or_default())}</dd>
                </div>
                <Fact label=plan::LAST_RUN value=of(plan::last_run)/>
            </dl>
        </article>
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
