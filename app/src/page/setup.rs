//! First-run set-up: a plain form that works without any script.

use leptos::prelude::*;
use ota_api::routes;

use super::document::{Assets, COMPLAINT_ID, FormDocument, render};
use crate::strings::setup as t;

/// `error` is shown above the form; `username` is what was typed before.
#[component]
pub fn SetupDocument(error: Option<String>, username: String, assets: Assets) -> impl IntoView {
    let described = error.is_some().then_some(COMPLAINT_ID);
    let username = if username.is_empty() { "admin".to_owned() } else { username };
    view! {
        <FormDocument title=t::TITLE heading=t::HEADING error assets>
            <p>{t::INTRO}</p>
            <form method="post" action=routes::SETUP_PAGE autocomplete="off">
                <label for="claim_token">{t::TOKEN}</label>
                <input
                    id="claim_token"
                    name="claim_token"
                    type="text"
                    autocapitalize="characters"
                    spellcheck="false"
                    required
                    autofocus
                    aria-describedby=described
                />
                <label for="username">{t::USERNAME}</label>
                <input
                    id="username"
                    name="username"
                    type="text"
                    value=username
                    autocomplete="username"
                    autocapitalize="none"
                    spellcheck="false"
                    required
                />
                <Secret name="password" label=t::PASSWORD/>
                <Secret name="repeated" label=t::REPEATED/>
                <Pin name="override_pin" label=t::OVERRIDE_PIN/>
                <Pin name="factory_pin" label=t::FACTORY_PIN/>
                <button type="submit" class="button primary">{t::SUBMIT}</button>
            </form>
        </FormDocument>
    }
}

#[component]
fn Secret(name: &'static str, label: &'static str) -> impl IntoView {
    view! {
        <label for=name>{label}</label>
        <input id=name name=name type="password" autocomplete="new-password" required/>
    }
}

/// Shown as it is typed: it is written down now, and nobody can look it up afterwards.
#[component]
fn Pin(name: &'static str, label: &'static str) -> impl IntoView {
    view! {
        <label for=name>{label}</label>
        <input id=name name=name type="text" inputmode="numeric" autocomplete="off" maxlength="32" required/>
    }
}

/// The page of first-run set-up as text.
#[must_use]
pub fn render_setup(error: Option<String>, username: String, assets: Assets) -> String {
    render(move || view! { <SetupDocument error username assets/> })
}
