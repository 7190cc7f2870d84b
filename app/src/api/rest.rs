//! The protocol of the routes: JSON out, and the status that belongs to the answer.

use ota_api::ApiError;
use serde::{Serialize, de::DeserializeOwned};
use server_fn::{
    Bytes, ContentType, Decodes, Encodes, Format, FormatType, Http, Protocol, client::Client, codec::Post,
    server::Server,
};
use std::{future::Future, marker::PhantomData};

#[cfg(feature = "hydrate")]
use super::client::{exchange, misunderstood};

/// Answers as JSON.
pub type ReplyJson = Post<ReplyEncoding>;

/// JSON that the browser reads with [`crate::json`].
pub struct ReplyEncoding;

impl ContentType for ReplyEncoding {
    const CONTENT_TYPE: &'static str = "application/json";
}

impl FormatType for ReplyEncoding {
    const FORMAT_TYPE: Format = Format::Text;
}

impl<T: Serialize> Encodes<T> for ReplyEncoding {
    type Error = serde_json::Error;

    fn encode(reply: &T) -> Result<Bytes, Self::Error> {
        serde_json::to_vec(reply).map(Bytes::from)
    }
}

impl<T: DeserializeOwned> Decodes<T> for ReplyEncoding {
    type Error = crate::json::Unreadable;

    fn decode(bytes: Bytes) -> Result<T, Self::Error> {
        crate::json::read(&bytes)
    }
}

/// What may have headers of its own.
pub trait Headed {
    fn headers(&self) -> [(http::HeaderName, Option<&str>); 2];
}

impl<T> Headed for ota_api::Reply<T> {
    fn headers(&self) -> [(http::HeaderName, Option<&str>); 2] {
        use http::header::{ETAG, LOCATION};
        [(ETAG, self.entity_tag.as_deref()), (LOCATION, self.location.as_deref())]
    }
}

/// `Http<In, ReplyJson>` whose failures have their own HTTP status, headers and request id.
///
/// They are set here and never in a function's body, because a body may also run while a page is rendered.
pub struct Rest<In>(PhantomData<In>);

impl<In, I, O, C, S> Protocol<I, O, C, S, ApiError> for Rest<In>
where
    Http<In, ReplyJson>: Protocol<I, O, C, S, ApiError>,
    C: Client<ApiError>,
    S: Server<ApiError>,
    I: Serialize + Send,
    O: Headed + DeserializeOwned,
{
    const METHOD: http::Method = <Http<In, ReplyJson> as Protocol<I, O, C, S, ApiError>>::METHOD;

    fn run_server<F, Fut>(
        request: S::Request,
        body: F,
    ) -> impl Future<Output = Result<S::Response, ApiError>> + Send
    where
        F: Fn(I) -> Fut + Send,
        Fut: Future<Output = Result<O, ApiError>> + Send,
    {
        let headed = move |input: I| {
            let answer = body(input);
            async move { answer.await.inspect(head_response) }
        };
        let run = <Http<In, ReplyJson> as Protocol<I, O, C, S, ApiError>>::run_server(request, headed);
        async move { run.await.map_err(in_response) }
    }

    #[cfg(feature = "hydrate")]
    fn run_client(path: &str, input: I) -> impl Future<Output = Result<O, ApiError>> + Send {
        let method = <Self as Protocol<I, O, C, S, ApiError>>::METHOD;
        let sent = serde_json::to_value(&input).map(|arguments| exchange(&method, path, &arguments));
        async move { crate::json::read(&sent.map_err(misunderstood)?.await?).map_err(misunderstood) }
    }

    /// The server calls its functions directly.
    #[cfg(not(feature = "hydrate"))]
    fn run_client(path: &str, input: I) -> impl Future<Output = Result<O, ApiError>> + Send {
        <Http<In, ReplyJson> as Protocol<I, O, C, S, ApiError>>::run_client(path, input)
    }
}

/// Puts the answer's own headers into the response.
#[cfg(feature = "ssr")]
fn head_response<O: Headed>(answer: &O) {
    let Some(response) = leptos::prelude::use_context::<leptos_axum::ResponseOptions>() else { return };
    for (name, value) in answer.headers() {
        if let Some(value) = value.and_then(|value| http::HeaderValue::from_str(value).ok()) {
            response.insert_header(name, value);
        }
    }
}

#[cfg(not(feature = "ssr"))]
const fn head_response<O: Headed>(_: &O) {}

/// Puts status and headers of the failure into the response, and the request's id into its body.
#[cfg(feature = "ssr")]
fn in_response(mut error: ApiError) -> ApiError {
    use http::header::{CACHE_CONTROL, HeaderValue, RETRY_AFTER};
    use leptos::prelude::use_context;

    if let Some(response) = use_context::<leptos_axum::ResponseOptions>() {
        if let Ok(status) = http::StatusCode::from_u16(error.status()) {
            response.set_status(status);
        }
        response.insert_header(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let details = error.error.details.as_ref();
        let wait = details.and_then(|details| details.get("retry_after_seconds")?.as_u64());
        if let Some(seconds) = wait {
            response.insert_header(RETRY_AFTER, HeaderValue::from(seconds));
        }
    }
    error.error.request_id = use_context::<super::RequestContext>().map(|request| request.request_id);
    error
}

/// The browser never answers requests.
#[cfg(not(feature = "ssr"))]
const fn in_response(error: ApiError) -> ApiError {
    error
}
