//! First-run set-up: a plain form that works without any script.

use leptos::prelude::*;
use ota_api::routes;

use super::document::{Assets, Head, render};
use crate::strings::{self, setup as t};

/// `error` is shown above the form; `username` is what was typed before.
#[component]
pub fn SetupDocument(error: Option<String>, username: String, assets: Assets) -> impl IntoView {
    let described = error.is_some().then_some("setup-error");
    let username = if username.is_empty() { "admin".to_owned() } else { username };
    view! {
        <!DOCTYPE html>
        <html lang="en">
            <Head title=t::TITLE assets/>
            <body class="login">
                <main>
                    <p class="brand"><span class="brand-mark" aria-hidden="true"></span>{strings::BRAND}</p>
                    <h1>{t::HEADING}</h1>
                    <p>{t::INTRO}</p>
                    {error.map(|text| view! {
                        <p class="message" id="setup-error" role="alert" data-tone="bad">{text}</p>
                    })}
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
                </main>
            </body>
        </html>
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
