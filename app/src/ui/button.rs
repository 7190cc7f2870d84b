//! Buttons that say why they cannot be pressed.

use leptos::prelude::*;

use super::{Press, Word, flag, press, text};
use crate::{live::Live, rules::Refusal};
use std::sync::Arc;

/// Why it cannot be pressed now.
type Reason = Arc<dyn Fn() -> Refusal + Send + Sync>;

/// Id of the line that is visible until the page answers to clicks.
pub const STARTING_ID: &str = "page-starting";

/// The visible reason of a disabled button; buttons name it by `id`.
#[component]
pub fn Why(id: String, reason: impl Fn() -> Refusal + Send + Sync + 'static) -> impl IntoView {
    why(id, Arc::new(reason))
}

fn why(id: String, reason: Reason) -> impl IntoView {
    let none = Arc::clone(&reason);
    view! {
        <p class="why" id=id hidden=flag(move || none().is_none())>{text(move || reason().unwrap_or_default())}</p>
    }
}

/// A button that is disabled while there is a reason, and points at the line `described_by` that shows it.
#[component]
pub fn ActionButton(
    live: Live,
    label: Word,
    /// More than the label, for those who cannot see what the button stands beside.
    #[prop(optional)]
    about: String,
    described_by: String,
    reason: impl Fn() -> Refusal + Send + Sync + 'static,
    #[prop(optional)] class: &'static str,
    #[prop(name = "press")] act: impl Fn() + 'static,
) -> impl IntoView {
    button(live, label, about, described_by, Arc::new(reason), class, press(act))
}

/// The button itself, once for all that it does.
fn button(
    live: Live,
    label: Word,
    about: String,
    described_by: String,
    reason: Reason,
    class: &'static str,
    press: Press,
) -> impl IntoView {
    let refused = Arc::clone(&reason);
    let described: Box<dyn Fn() -> Option<String> + Send> =
        Box::new(move || match (live.ready.get(), reason().is_some()) {
            (false, _) => Some(STARTING_ID.to_owned()),
            (true, true) => Some(described_by.clone()),
            (true, false) => None,
        });
    let disabled = flag(move || !live.ready.get() || refused().is_some());
    view! {
        <button
            type="button"
            class=format!("button {class}")
            disabled=disabled
            aria-describedby=described
            on:click=press
        >
            {label}
            <span class="visually-hidden">" "{about}</span>
        </button>
    }
}
