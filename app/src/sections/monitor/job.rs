//! The running update, or what became of the last one.

use super::checks::Checks;
use leptos::prelude::*;
use ota_api::{Strategy, human, monitor::Progress};

use crate::{
    live::{Live, Order, ask},
    rules,
    strings::{self, monitor as t, words},
    ui::{ActionButton, Fact, StateWord, Text, Tone, Why, flag, text, word},
};

/// A text about the job; empty when there is none.
fn of(live: Live, read: fn(&Progress) -> String) -> Text {
    text(move || live.job.with(|j| j.as_ref().map(read).unwrap_or_default()))
}

/// Whether there is a job that passes `test`.
fn has(live: Live, test: fn(&Progress) -> bool) -> bool {
    live.job.with(|j| j.as_ref().is_some_and(test))
}

fn ended(job: &Progress) -> bool {
    job.ended_at.is_some() || job.outcome.is_some()
}

/// Bytes are on their way: into staging or into the slot.
fn moves(job: &Progress) -> bool {
    matches!(
        job.status.as_str(),
        "queued"
            | "downloading"
            | "verifying"
            | "installing"
            | "deploying"
            | "restoring"
            | "checking"
            | "creating"
    )
}

/// One card for all of a job's life: what does not belong to its present state is hidden.
#[component]
pub fn JobPanel(live: Live) -> impl IntoView {
    let state = move || live.job.with(|j| j.as_ref().map_or(("idle", Tone::Neutral), words::job_state));
    let title = text(move || live.job.with(|j| words::job_title(j.as_ref())));
    let sentence = text(move || {
        live.job.with(|j| j.as_ref().map_or_else(|| t::IDLE_HINT.to_owned(), words::job_sentence))
    });
    let class = word(move || if has(live, ended) { "card job result" } else { "card job" });
    view! {
        <article class=class aria-labelledby="job-heading" data-tone=word(move || state().1.as_str())>
            <header>
                <h3 id="job-heading">{title}</h3>
                <StateWord state/>
            </header>
            <p class="sentence">{sentence}</p>
            <Outcome live/>
            <div class="running" hidden=flag(move || !has(live, |j| !ended(j)))>
                <Bar live label=t::NOW read=|j| j.progress.percentage/>
                <Bar live label=t::OVERALL read=|j| j.progress.overall_percentage/>
                <p class="countdown" hidden=flag(move || !has(live, |j| j.trial_seconds_left.is_some()))>
                    <span>{t::TRIAL_LEFT}</span>" "<strong>{trial_left(live)}</strong>
                </p>
            </div>
            <Checks live/>
            <Figures live/>
            <Orders live/>
        </article>
    }
}

/// How it ended and what can be done.
#[component]
fn Outcome(live: Live) -> impl IntoView {
    view! {
        <div hidden=flag(move || !has(live, |j| j.outcome.is_some() && !matches!(j.status.as_str(), "committed" | "completed")))>
            <p>{of(live, |j| j.outcome.as_ref().map(|o| o.message.clone()).unwrap_or_default())}</p>
            <p class="advice">{of(live, |j| words::outcome_advice(j).unwrap_or_default().to_owned())}</p>
        </div>
    }
}

#[component]
fn Figures(live: Live) -> impl IntoView {
    let elapsed = text(move || {
        let age = live.job_age.get();
        let running = |j: &Progress| if ended(j) { j.elapsed_seconds } else { j.elapsed_seconds + age };
        live.job.with(|j| j.as_ref().map(|j| human::hours(running(j))).unwrap_or_default())
    });
    let code =
        |j: &Progress| j.outcome.as_ref().and_then(|o| o.code).map(|c| c.to_string()).unwrap_or_default();
    view! {
        <dl class="facts wide" hidden=flag(move || !has(live, moves))>
            <Fact label=t::STEP value=of(live, words::step)/>
            <Fact label=t::SPEED value=of(live, |j| j.progress.speed.clone())/>
            <Fact
                label=t::TRANSFERRED
                value=of(live, |j| format!("{} of {}", j.progress.downloaded, j.progress.total))
            />
            <Fact label=t::ETA value=of(live, |j| j.progress.eta.clone().unwrap_or_else(|| strings::UNKNOWN.to_owned()))/>
        </dl>
        <dl class="facts wide" hidden=flag(move || !has(live, |_| true))>
            <Fact label=t::ELAPSED value=elapsed/>
            <Fact label=t::TARGET value=of(live, |j| j.target_partition.to_string())/>
            <Fact label=t::ID value=of(live, |j| j.job_id.clone())/>
            <div class="fact" hidden=flag(move || !has(live, |j| j.ended_at.is_some()))>
                <dt>{t::ENDED}</dt>
                <dd>{of(live, |j| words::moment_or(j.ended_at.as_deref(), strings::UNKNOWN))}</dd>
            </div>
            <div class="fact" hidden=flag(move || !has(live, |j| j.outcome.as_ref().is_some_and(|o| o.code.is_some())))>
                <dt>{t::CODE}</dt>
                <dd>{of(live, code)}</dd>
            </div>
        </dl>
    }
}

/// A progress bar with its figure.
#[component]
fn Bar(live: Live, label: &'static str, read: fn(&Progress) -> f64) -> impl IntoView {
    let value =
        move || text(move || live.job.with(|j| ota_api::human::with_tenths(j.as_ref().map_or(0.0, read))));
    view! {
        <div class="gauge bar">
            <p><span>{label}</span>" "<span>{value()}" %"</span></p>
            <progress max="100" value=value() aria-label=label></progress>
        </div>
    }
}

/// Seconds that the trial may still take, counted down between two messages.
fn trial_left(live: Live) -> Text {
    text(move || {
        let age = live.job_age.get();
        let left = live.job.with(|j| j.as_ref().and_then(|j| j.trial_seconds_left));
        left.map(|left| human::minutes(left.saturating_sub(age))).unwrap_or_default()
    })
}

/// Install, Restart Now, Go On Now and Cancel: each where it can make sense.
#[component]
fn Orders(live: Live) -> impl IntoView {
    view! {
        <div class="actions" hidden=flag(move || !has(live, |j| !ended(j)))>
            <OrderButton live order=&INSTALL/>
            <OrderButton live order=&RESTART/>
            <OrderButton live order=&GO_ON/>
            <OrderButton live order=&CANCEL/>
        </div>
    }
}

/// One of the job's buttons.
struct Choice {
    label: &'static str,
    class: &'static str,
    reason_id: &'static str,
    /// The states in which the button is there.
    offered: fn(&Progress) -> bool,
    /// Why it cannot be pressed.
    refused: fn(&Progress, &rules::Facts) -> rules::Refusal,
    order: fn(&Progress) -> Order,
}

static INSTALL: Choice = Choice {
    label: t::INSTALL,
    class: "primary",
    reason_id: "install-why",
    offered: |j| j.status == "downloaded",
    refused: |_, facts| rules::install_downloaded(facts),
    order: |j| Order::InstallDownloaded {
        job_id: j.job_id.clone(),
        version: j.update.version.clone(),
        reboot_after: true,
        snapshot: true,
        strategy: Strategy::Seamless,
    },
};

static RESTART: Choice = Choice {
    label: t::RESTART,
    class: "primary",
    reason_id: "restart-why",
    offered: |j| {
        words::awaits_window(j) && !words::before_component(j)
            || j.status == "awaiting_reboot" && j.armed && j.reboot_after != Some(true)
    },
    refused: |_, facts| rules::restart(facts),
    order: |j| Order::Restart { version: j.update.version.clone() },
};

static GO_ON: Choice = Choice {
    label: t::GO_ON,
    class: "primary",
    reason_id: "go-on-why",
    offered: |j| words::awaits_window(j) && words::before_component(j),
    refused: |_, facts| rules::restart(facts),
    order: |j| Order::GoOn { version: j.update.version.clone() },
};

static CANCEL: Choice = Choice {
    label: t::CANCEL,
    class: "",
    reason_id: "cancel-why",
    offered: |_| true,
    refused: rules::cancel,
    order: |j| Order::Cancel { job_id: j.job_id.clone(), version: j.update.version.clone() },
};

#[component]
fn OrderButton(live: Live, order: &'static Choice) -> impl IntoView {
    let reason = move || {
        let facts = live.facts();
        live.job.with(|j| j.as_ref().and_then(|j| (order.refused)(j, &facts)))
    };
    let press = move || {
        if let Some(order) = live.job.peek(|j| j.as_ref().map(order.order)) {
            ask(live, order);
        }
    };
    view! {
        <div class="action" hidden=flag(move || !has(live, order.offered))>
            <ActionButton
                live
                label=word(move || order.label)
                class=order.class
                described_by=order.reason_id.to_owned()
                reason
                press
            />
            <Why id=order.reason_id.to_owned() reason/>
        </div>
    }
}
