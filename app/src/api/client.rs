//! How the browser sends a request.

use server_fn::{
    Bytes,
    client::{Client, browser::BrowserClient},
    error::FromServerFnError,
    request::browser::BrowserRequest,
    response::browser::BrowserResponse,
};
use std::future::Future;

/// The browser's own client, with the gateway's id in every request.
pub struct GatewayClient;

impl<E, I, O> Client<E, I, O> for GatewayClient
where
    E: FromServerFnError,
    I: FromServerFnError,
    O: FromServerFnError,
{
    type Request = BrowserRequest;
    type Response = BrowserResponse;

    fn send(request: BrowserRequest) -> impl Future<Output = Result<BrowserResponse, E>> + Send {
        request.headers().set(ota_api::routes::GATEWAY_ID_HEADER, &gateway_id());
        <BrowserClient as Client<E, I, O>>::send(request)
    }

    fn open_websocket(
        path: &str,
    ) -> impl Future<
        Output = Result<
            (
                impl futures::Stream<Item = Result<Bytes, Bytes>> + Send + 'static,
                impl futures::Sink<Bytes> + Send + 'static,
            ),
            E,
        >,
    > + Send {
        <BrowserClient as Client<E, I, O>>::open_websocket(path)
    }

    fn spawn(future: impl Future<Output = ()> + Send + 'static) {
        <BrowserClient as Client<E, I, O>>::spawn(future);
    }
}

/// The id of the gateway that rendered this page, from the page itself.
#[cfg(feature = "hydrate")]
pub(crate) fn gateway_id() -> String {
    use ota_api::status::Status;
    use std::sync::OnceLock;

    static ID: OnceLock<String> = OnceLock::new();
    let read = || {
        let app = web_sys::window()?.document()?.get_element_by_id("app")?;
        let system: Status = crate::json::read(app.get_attribute("data-system")?.as_bytes()).ok()?;
        Some(system.gateway.id)
    };
    if let Some(id) = ID.get() {
        return id.clone();
    }
    // Without the page's data there is nothing to name, and the gateway says so.
    read().map(|id| ID.get_or_init(|| id).clone()).unwrap_or_default()
}

/// The server calls its functions directly.
#[cfg(not(feature = "hydrate"))]
const fn gateway_id() -> String {
    String::new()
}
