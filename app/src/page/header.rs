//! Above and beside the sections: which gateway, who looks at it, and where things are.

use leptos::prelude::*;
use ota_api::auth::Role;

use crate::{
    live::Live,
    strings::{self, words},
    ui::text,
};

/// Who is logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub role: Role,
}

#[component]
pub fn Header(live: Live, user: User) -> impl IntoView {
    let gateway = text(move || live.system.with(|s| s.gateway.id.clone()));
    let model = text(move || live.system.with(|s| s.gateway.model.clone()));
    view! {
        <header class="top">
            <p class="brand"><span class="brand-mark" aria-hidden="true"></span>{strings::BRAND}</p>
            <p class="identity"><strong>{gateway}</strong>" "<span>{model}</span></p>
            <form class="account" method="post" action="/logout">
                <span class="who">{user.name}" "<span class="role">{words::role(user.role)}</span></span>
                <button type="submit" class="button quiet">{strings::LOG_OUT}</button>
            </form>
        </header>
    }
}

/// What the operator's configuration wants everybody to read.
#[component]
pub fn Notice(text: Option<String>) -> impl IntoView {
    text.map(|text| view! { <aside class="notice" aria-label=strings::NOTICE>{text}</aside> })
}

#[component]
pub fn Navigation() -> impl IntoView {
    let links = strings::SECTIONS.into_iter().zip(strings::SECTION_LINKS);
    let items = links.map(|((id, _), name)| view! { <li><a href=format!("#{id}")>{name}</a></li> });
    view! { <nav class="sections" aria-label=strings::NAVIGATION><ol>{items.collect_view()}</ol></nav> }
}
