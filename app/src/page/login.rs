//! The login page: a plain form that works without any script.

use leptos::prelude::*;
use ota_api::routes;

use super::document::{Assets, Head, render};
use crate::strings::{self, login};

/// `error` is shown above the form; `next` is where a successful login leads.
#[component]
pub fn LoginDocument(error: Option<String>, next: Option<String>, assets: Assets) -> impl IntoView {
    let invalid = error.is_some();
    let described = invalid.then_some("login-error");
    view! {
        <!DOCTYPE html>
        <html lang="en">
            <Head title=login::TITLE assets/>
            <body class="login">
                <main>
                    <p class="brand"><span class="brand-mark" aria-hidden="true"></span>{strings::BRAND}</p>
                    <h1>{login::HEADING}</h1>
                    {error.map(|text| view! {
                        <p class="message" id="login-error" role="alert" data-tone="bad">{text}</p>
                    })}
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
                </main>
            </body>
        </html>
    }
}

/// The login page as text.
#[must_use]
pub fn render_login(error: Option<String>, next: Option<String>, assets: Assets) -> String {
    render(move || view! { <LoginDocument error next assets/> })
}
