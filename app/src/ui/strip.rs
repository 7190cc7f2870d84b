//! The strip that stays in sight: may updates start, does the page hear the gateway, what is going on.

use leptos::prelude::*;

use super::{OverrideBanner, StateWord, Tone, button::STARTING_ID, flag, press, text, word};
use crate::{
    live::{Link, Live, Restart},
    strings::{self, words},
};

#[component]
pub fn Strip(live: Live) -> impl IntoView {
    let verdict = move || live.safety.with(words::verdict);
    let tone = move || word(move || verdict().2.as_str());
    view! {
        <section class="strip" aria-label=strings::STRIP>
            <div class="strip-line">
                <p class="verdict" data-tone=tone()>
                    <strong class="state" data-tone=tone()>{word(move || verdict().0)}</strong>
                    <span>{text(move || verdict().1)}</span>
                </p>
                <a class="mini" href="#monitor" hidden=flag(move || live.job.with(|j| summary(j.as_ref()).is_none()))>
                    {text(move || live.job.with(|j| summary(j.as_ref()).unwrap_or_default()))}
                </a>
                <p class="link" id=STARTING_ID>
                    <StateWord state=move || link_word(live)/>
                </p>
            </div>
            <OverrideBanner live/>
            <ConnectionBanner live/>
        </section>
    }
}

/// Lost connection, announced restart, return.
#[component]
fn ConnectionBanner(live: Live) -> impl IntoView {
    let told = move || match (live.restart.get(), live.link.get()) {
        (Restart::Announced { version }, _) => Some((words::restart_announced(&version), Tone::Busy)),
        (_, Link::Lost) => Some((words::lost_connection().to_owned(), Tone::Warn)),
        (Restart::Returned { sentence }, _) => Some((sentence, Tone::Good)),
        (Restart::None, _) => None,
    };
    let returned = move || live.restart.with(|restart| matches!(restart, Restart::Returned { .. }));
    let lost = move || live.link.get() == Link::Lost;
    view! {
        <div
            class="banner"
            data-tone=word(move || told().map_or("neutral", |t| t.1.as_str()))
            hidden=flag(move || told().is_none())
        >
            <p>{text(move || told().map(|t| t.0).unwrap_or_default())}</p>
            <button type="button" class="button quiet" hidden=flag(move || !lost()) on:click=press(move || live.try_now())>
                {strings::TRY_NOW}
            </button>
            <button
                type="button"
                class="button quiet"
                hidden=flag(move || lost() || !returned())
                on:click=press(move || live.restart.set(Restart::None))
            >
                {strings::DISMISS}
            </button>
        </div>
    }
}

fn link_word(live: Live) -> (&'static str, Tone) {
    match (live.ready.get(), live.link.get()) {
        (false, _) => (strings::STARTING, Tone::Neutral),
        (true, Link::Connecting) => ("Connecting", Tone::Busy),
        (true, Link::Up) => ("Live", Tone::Good),
        (true, Link::Lost) => ("Not connected", Tone::Warn),
    }
}

/// `v5.0.5 installing, 43 %` while a job runs.
fn summary(job: Option<&ota_api::monitor::Progress>) -> Option<String> {
    let job = job.filter(|j| j.ended_at.is_none())?;
    let percent = ota_api::human::whole(job.progress.overall_percentage.floor());
    Some(format!("{} {}, {percent} %", job.update.version, words::job_state(job).0))
}
