//! The page `/ota-system-updates`: one complete document that the server renders and the browser brings to life.

#[cfg(feature = "ssr")]
mod document;
mod embedded;
mod header;
#[cfg(feature = "ssr")]
mod login;
#[cfg(feature = "ssr")]
mod setup;

use leptos::prelude::*;
use ota_api::page::PageData;

#[cfg(feature = "ssr")]
pub use document::{Assets, Document, render_page};
pub use embedded::Embedded;
#[cfg(feature = "ssr")]
pub use login::{LoginDocument, render_login};
#[cfg(feature = "ssr")]
pub use setup::{SetupDocument, render_setup};

use crate::{
    live::Live,
    sections::{
        MonitorSection, RecoverySection, SafetySection, SettingsSection, StatusSection, UpdatesSection,
        UploadSection,
    },
    strings,
    ui::{Announcer, ConfirmDialog, DangerDialog, Messages, Strip},
};
use header::{Header, Navigation, Notice};

/// Id of the element that carries the data and that the browser hydrates.
pub const APP_ID: &str = "app";

/// Everything inside `#app`: the same on the server and in the browser.
#[component]
pub fn App(data: PageData) -> impl IntoView {
    let user = header::User { name: data.live.username.clone(), role: data.live.role };
    let notice = data.live.notice.clone();
    let live = Live::new(data);
    begin(live);
    view! {
        <a class="skip" href="#content">{strings::SKIP}</a>
        <Header live user/>
        <Notice text=notice/>
        <Strip live/>
        <div class="frame">
            <Navigation/>
            <main id="content">
                <h1>{strings::HEADING}</h1>
                <Messages live/>
                <StatusSection live/>
                <UpdatesSection live/>
                <UploadSection live/>
                <SettingsSection live/>
                <RecoverySection live/>
                <SafetySection live/>
                <MonitorSection live/>
            </main>
        </div>
        <ConfirmDialog live/>
        <DangerDialog live/>
        <Announcer live/>
    }
}

/// What only the browser does once the page stands: take clicks, and listen.
fn begin(live: Live) {
    Effect::new(move |_| {
        live.ready.set(true);
        #[cfg(feature = "hydrate")]
        crate::live::start(live);
    });
}

/// Brings the page to life, from the data that it carries. No request is made.
#[cfg(feature = "hydrate")]
pub fn hydrate() {
    use wasm_bindgen::JsCast;

    let app = document().get_element_by_id(APP_ID).and_then(|e| e.dyn_into::<web_sys::HtmlElement>().ok());
    let Some(app) = app else { return };
    let read = |name: &str| app.get_attribute(name);
    match Embedded::read(read) {
        Ok(data) => leptos::mount::hydrate_from(app, move || view! { <App data/> }).forget(),
        // The server-rendered page stays readable.
        Err(error) => leptos::logging::error!("the page's data cannot be read: {error}"),
    }
}
