//! Buttons that say why they cannot be pressed.

use leptos::prelude::*;

use super::{Word, flag, text};
use crate::{live::Live, rules::Refusal};

/// Id of the line that is visible until the page answers to clicks.
pub const STARTING_ID: &str = "page-starting";

/// The visible reason of a disabled button; buttons name it by `id`.
#[component]
pub fn Why(id: String, reason: impl Fn() -> Refusal + Clone + Send + 'static) -> impl IntoView {
    let none = reason.clone();
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
    reason: impl Fn() -> Refusal + Clone + Send + 'static,
    #[prop(optional)] class: &'static str,
    press: impl Fn() + 'static,
) -> impl IntoView {
    let refused = reason.clone();
    let described: Box<dyn Fn() -> Option<String> + Send> =
        Box::new(move || match (live.ready.get(), reason().is_some()) {
            (false, _) => Some(STARTING_ID.to_owned()),
            (true, true) => Some(described_by.clone()),
            (true, false) => None,
        });
    let disabled = flag(move || !live.ready.get() || refused().is_some());
    let press: Box<dyn Fn()> = Box::new(press);
    view! {
        <button
            type="button"
            class=format!("button {class}")
            disabled=disabled
            aria-describedby=described
            on:click=move |_| press()
        >
            {label}
            <span class="visually-hidden">" "{about}</span>
        </button>
    }
}
