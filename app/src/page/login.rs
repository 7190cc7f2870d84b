//! The login page: a plain form that works without any script.

use leptos::prelude::*;
use ota_api::routes;

use super::document::{Assets, COMPLAINT_ID, FormDocument, render};
use crate::strings::login;

/// `error` is shown above the form; `next` is where a successful login leads.
#[component]
pub fn LoginDocument(error: Option<String>, next: Option<String>, assets: Assets) -> impl IntoView {
    let described = error.is_some().then_some(COMPLAINT_ID);
    view! {
        <FormDocument title=login::TITLE heading=login::HEADING error assets>
            <form method="post" action=routes::LOGIN_PAGE>
                {next.map(|next| view! { <input type="hidden" name="next" value=next/> })}
                <label for="username">{login::USERNAME}</label>
                <input
                    id="username"
                    name="username"
                    type="text"
                    autocomplete="username"
                    autocapitalize="none"
                    spellcheck="false"
                    required
                    autofocus
                    aria-describedby=described
                />
                <label for="password">{login::PASSWORD}</label>
                <input
                    id="password"
                    name="password"
                    type="password"
                    autocomplete="current-password"
                    required
                    aria-describedby=described
                />
                <button type="submit" class="button primary">{login::SUBMIT}</button>
            </form>
        </FormDocument>
    }
}

/// The login page as text.
#[must_use]
pub fn render_login(error: Option<String>, next: Option<String>, assets: Assets) -> String {
    render(move || view! { <LoginDocument error next assets/> })
}
