//! How the browser asks the gateway: one exchange for all routes, so that each of them brings only what it says and hears.

use gloo_net::http::RequestBuilder;
use http::Method;
use leptos::prelude::{TimeoutHandle, set_timeout_with_handle};
use ota_api::{ApiError, ErrorCode, routes::GATEWAY_ID_HEADER, status::Status};
use send_wrapper::SendWrapper;
use serde::Serialize;
use serde_json::Value;
use server_fn::ServerFn;
use std::{future::Future, pin::Pin, sync::OnceLock, time::Duration};
use web_sys::AbortController;

use super::Answer;

/// A dead line is told by nobody. Who asked for what is only read asks again after this time: the gateway has nearly all of it in memory.
const LONGEST_READING: Duration = Duration::from_secs(30);
/// An order is given up after the gateway would have ended it by itself.
const LONGEST_ORDER: Duration = Duration::from_secs(120);

/// The bytes of a success.
pub(super) type Exchange = Pin<Box<dyn Future<Output = Result<Vec<u8>, ApiError>> + Send>>;

/// Sends `arguments`, an object: in the query of a `GET`, as the body of anything else.
pub(super) fn exchange(method: &Method, path: &str, arguments: &Value) -> Exchange {
    exchange_if(method, path, arguments, None)
}

/// The same, where the state that it is about is still the one of this revision.
fn exchange_if(method: &Method, path: &str, arguments: &Value, revision: Option<&str>) -> Exchange {
    let (url, body) = if *method == Method::GET {
        (with_query(path, arguments), None)
    } else {
        (path.to_owned(), Some(arguments.to_string()))
    };
    let request = RequestBuilder::new(&url).method(method.clone()).header(GATEWAY_ID_HEADER, &gateway_id());
    let request = match revision {
        Some(revision) => request.header("if-match", &format!("\"{revision}\"")),
        None => request,
    };
    let limit = Limit::set(if *method == Method::GET { LONGEST_READING } else { LONGEST_ORDER });
    let request = request.abort_signal(limit.as_ref().map(|limit| limit.controller.signal()).as_ref());
    Box::pin(SendWrapper::new(async move {
        let _limit = limit;
        let request = match body {
            Some(body) => request.header("content-type", "application/json").body(body),
            None => request.build(),
        };
        let response = request.map_err(unreachable)?.send().await.map_err(unreachable)?;
        let answer = response.binary().await.map_err(unreachable)?;
        if response.status() < 400 { Ok(answer) } else { Err(refusal(&answer)) }
    }))
}

/// Breaks off a request that takes too long.
struct Limit {
    controller: AbortController,
    timer: TimeoutHandle,
}

impl Limit {
    fn set(longest: Duration) -> Option<Self> {
        let controller = AbortController::new().ok()?;
        let late = controller.clone();
        let timer = set_timeout_with_handle(move || late.abort(), longest).ok()?;
        Some(Self { controller, timer })
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        self.timer.clear();
    }
}

/// Sends what a person ordered and hears the gateway's sentence: more of the answer nobody looks at.
pub(crate) fn order<F: ServerFn + Serialize>(call: &F) -> Answer {
    send(F::PATH, serde_json::to_value(call), None)
}

/// The same, where nobody else was first.
pub(crate) fn order_if<F: ServerFn + Serialize>(call: &F, revision: &str) -> Answer {
    send(F::PATH, serde_json::to_value(call), Some(revision))
}

fn send(path: &str, call: serde_json::Result<Value>, revision: Option<&str>) -> Answer {
    let sent = call.map(|arguments| exchange_if(&Method::POST, path, &arguments, revision));
    Box::pin(SendWrapper::new(async move { said(&sent.map_err(misunderstood)?.await?) }))
}

fn said(answer: &[u8]) -> Result<String, ApiError> {
    let reply: Value = serde_json::from_slice(answer).map_err(misunderstood)?;
    Ok(reply.get("message").and_then(Value::as_str).unwrap_or_default().to_owned())
}

/// What was said or heard is not what this page knows.
pub(super) fn misunderstood<E>(_: E) -> ApiError {
    let message = "The gateway and this page do not understand each other. Load the page again.";
    ApiError::new(ErrorCode::Internal, message)
}

fn with_query(path: &str, arguments: &Value) -> String {
    let mut url = path.to_owned();
    let given = arguments.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    for (index, (name, value)) in given.enumerate() {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        url.push(if index == 0 { '?' } else { '&' });
        url.push_str(name);
        url.push('=');
        url.push_str(&String::from(js_sys::encode_uri_component(&value)));
    }
    url
}

fn unreachable(_: gloo_net::Error) -> ApiError {
    ApiError::new(ErrorCode::Internal, "The gateway cannot be reached.")
}

/// The gateway's own words, or the little that can be said where somebody else has answered.
fn refusal(answer: &[u8]) -> ApiError {
    let unknown = |_| ApiError::new(ErrorCode::Internal, "The gateway could not answer this request.");
    crate::json::read(answer).unwrap_or_else(unknown)
}

/// The id of the gateway that rendered this page, from the page itself.
pub(crate) fn gateway_id() -> String {
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
