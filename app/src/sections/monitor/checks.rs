//! The health checks of a new system: one line each.

use leptos::prelude::*;
use ota_api::monitor::HealthCheck;

use crate::{
    live::Live,
    strings::{monitor as t, words},
    ui::flag,
};

#[component]
pub fn Checks(live: Live) -> impl IntoView {
    let lines = move || {
        let age = live.job_age.get();
        live.job.with(|job| {
            let checks = job.iter().flat_map(|job| &job.checks);
            checks.map(|check| line(check, age)).collect_view()
        })
    };
    let none = flag(move || live.job.with(|job| job.as_ref().is_none_or(|job| job.checks.is_empty())));
    view! {
        <div hidden=none>
            <h4 id="checks-heading">{t::CHECKS}</h4>
            <ul class="checks" aria-labelledby="checks-heading">{lines}</ul>
        </div>
    }
}

/// `age`: seconds since the check was told.
fn line(check: &HealthCheck, age: u64) -> impl IntoView + use<> {
    let (state, tone) = words::check_state(check.state);
    view! {
        <li>
            <span class="state" data-tone=tone.as_str()>{state}</span>" "
            <span>{words::health_check(check, age)}</span>
        </li>
    }
}
