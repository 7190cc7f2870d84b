//! The HTML document around the page.

use leptos::prelude::*;
use ota_api::page::PageData;

use super::{APP_ID, App, Embedded};
use crate::strings;

/// Where the browser finds the page's files; with content hashes in their names where the build makes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assets {
    pub stylesheet: String,
    pub script: String,
    pub wasm: String,
    pub favicon: String,
}

/// The complete document with everything that the first paint shows.
#[component]
pub fn Document(data: PageData, embedded: Embedded, assets: Assets, nonce: String) -> impl IntoView {
    let script = format!(
        "import init, {{ hydrate }} from {}; init({{ module_or_path: {} }}).then(hydrate);",
        serde_json::Value::from(assets.script.as_str()),
        serde_json::Value::from(assets.wasm.as_str()),
    );
    view! {
        <!DOCTYPE html>
        <html lang="en">
            <Head title=strings::TITLE assets=assets.clone()>
                <link rel="modulepreload" href=assets.script nonce=nonce.clone()/>
                <link rel="preload" href=assets.wasm r#as="fetch" r#type="application/wasm" crossorigin="anonymous"/>
                <script type="module" nonce=nonce inner_html=script></script>
            </Head>
            <body>
                <noscript><p class="notice">{strings::NO_SCRIPT}</p></noscript>
                <div
                    id=APP_ID
                    data-system=embedded.system
                    data-updates=embedded.updates
                    data-settings=embedded.settings
                    data-safety=embedded.safety
                    data-live=embedded.live
                ><App data/></div>
            </body>
        </html>
    }
}

/// The `<head>` that the documents share.
#[component]
pub(super) fn Head(
    title: &'static str,
    assets: Assets,
    #[prop(optional)] children: Option<Children>,
) -> impl IntoView {
    view! {
        <head>
            <meta charset="utf-8"/>
            <meta name="viewport" content="width=device-width, initial-scale=1"/>
            <meta name="color-scheme" content="light dark"/>
            <title>{title}</title>
            <link rel="icon" type="image/svg+xml" href=assets.favicon/>
            <link rel="stylesheet" href=assets.stylesheet/>
            {children.map(|children| children())}
        </head>
    }
}

/// Id of what went wrong with a form that was sent before.
pub(super) const COMPLAINT_ID: &str = "complaint";

/// The document of a form for those who have no session; `error` is shown above it.
#[component]
pub(super) fn FormDocument(
    title: &'static str,
    heading: &'static str,
    error: Option<String>,
    assets: Assets,
    children: Children,
) -> impl IntoView {
    view! {
        <!DOCTYPE html>
        <html lang="en">
            <Head title assets/>
            <body class="login">
                <main>
                    <p class="brand"><span class="brand-mark" aria-hidden="true"></span>{strings::BRAND}</p>
                    <h1>{heading}</h1>
                    {error.map(|text| view! {
                        <p class="message" id=COMPLAINT_ID role="alert" data-tone="bad">{text}</p>
                    })}
                    {children()}
                </main>
            </body>
        </html>
    }
}

/// The page as text, for the answer to `GET` of [`ota_api::routes::PAGE`].
///
/// # Errors
/// When the data has no JSON form.
pub fn render_page(data: PageData, assets: Assets, nonce: String) -> Result<String, serde_json::Error> {
    let embedded = Embedded::write(&data)?;
    Ok(render(move || view! { <Document data embedded assets nonce/> }))
}

/// Renders a document at once: nothing on it waits for anything.
pub(super) fn render<V: IntoView>(document: impl FnOnce() -> V) -> String {
    let owner = Owner::new();
    let html = owner.with(|| document().into_view().to_html());
    owner.unset_with_forced_cleanup();
    html
}
