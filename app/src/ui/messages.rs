//! What an order came to, and announcements for those who do not see the page change.

use leptos::prelude::*;

use super::{Tone, flag, press, text, word};
use crate::{live::Live, strings};

/// The outcome of the last order, until it is dismissed or the next one is given.
#[component]
pub fn Messages(live: Live) -> impl IntoView {
    let tone = word(move || live.message.with(|m| m.as_ref().map_or(Tone::Neutral, |m| m.tone).as_str()));
    view! {
        <div class="message" role="alert" data-tone=tone hidden=flag(move || live.message.with(Option::is_none))>
            {move || live.message.get().map(|message| view! {
                <div>
                    <p class="message-title">{message.title}</p>
                    <p>{message.text}</p>
                    <ul>{message.items.into_iter().map(|item| view! { <li>{item}</li> }).collect_view()}</ul>
                </div>
                <button type="button" class="button quiet" on:click=press(move || live.message.set(None))>
                    {strings::DISMISS}
                </button>
            })}
        </div>
    }
}

/// A region that is read out when its text changes.
#[component]
pub fn Announcer(live: Live) -> impl IntoView {
    view! { <p class="visually-hidden" role="status" aria-live="polite">{text(move || live.announcement.get())}</p> }
}
