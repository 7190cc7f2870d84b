//! The activity log, newest entry first.

use leptos::prelude::*;
use ota_api::monitor::LogLine;

use crate::{
    live::{Live, Wanted, want},
    strings::{monitor as t, words},
    ui::{flag, typed},
};

#[component]
pub fn ActivityLog(live: Live) -> impl IntoView {
    let choose = move |level| {
        live.log_level.set(level);
        want(live, Wanted::LOGS);
    };
    let options = t::LEVELS.map(|(value, name)| view! { <option value=value>{name}</option> });
    view! {
        <article class="card log" aria-labelledby="log-heading">
            <header>
                <h3 id="log-heading">{t::LOG}</h3>
                <label>
                    <span>{t::LEVEL}</span>" "
                    <select on:change=typed(choose) disabled=flag(move || !live.ready.get())>{options.into_iter().collect_view()}</select>
                </label>
            </header>
            <p class="empty" hidden=flag(move || live.logs.with(|l| !l.is_empty()))>{t::NO_LOG}</p>
            <div class="log-lines" tabindex="0" role="region" aria-labelledby="log-heading">
                <ol>{move || live.logs.with(|lines| lines.iter().map(line).collect_view())}</ol>
            </div>
        </article>
    }
}

fn line(entry: &LogLine) -> impl IntoView + use<> {
    let LogLine { timestamp, level, source, message, .. } = entry.clone();
    let time = words::moment(&timestamp);
    view! {
        <li data-level=level>
            <time datetime=timestamp>{time}</time>" "
            <span class="level">{level.clone()}</span>" "
            <span class="source">{source}</span>" "
            <span class="text">{message}</span>
        </li>
    }
}
