//! One request of an upload, by the means of the browser that tell how far they are.

use crate::api;
use futures::channel::oneshot;
use leptos::prelude::{IntervalHandle, set_interval_with_handle};
use ota_api::routes::GATEWAY_ID_HEADER;
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};
use wasm_bindgen::{JsCast, JsValue, prelude::Closure};
use web_sys::{Blob, ProgressEvent, XmlHttpRequest};

/// Time between two looks at a request that may have fallen silent.
const LOOK: Duration = Duration::from_secs(5);
/// Milliseconds for which nothing may move. A dead line is told by nobody.
const LONGEST_SILENCE: f64 = 60_000.0;

thread_local! {
    static RUNNING: RefCell<Option<XmlHttpRequest>> = const { RefCell::new(None) };
}

/// Breaks off the request that runs.
pub(super) fn abort() {
    if let Some(Err(error)) = RUNNING.take().map(|request| request.abort()) {
        leptos::logging::error!("a request cannot be broken off: {error:?}");
    }
}

/// What the gateway said.
#[derive(Default)]
pub(super) struct Answer {
    /// 0 where it said nothing.
    pub(super) status: u16,
    /// Bytes that it has.
    pub(super) offset: Option<u64>,
    /// Name of the upload that was begun.
    pub(super) id: Option<String>,
    pub(super) text: String,
}

pub(super) enum Content<'a> {
    Nothing,
    Json(String),
    /// Bytes, and what is told how many of them have left.
    Part(&'a Blob, Box<dyn Fn(u64)>),
}

/// Sends a request and waits for what is said.
pub(super) async fn exchange(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    content: Content<'_>,
) -> Answer {
    let (tell, told) = oneshot::channel::<()>();
    let request = match begin(method, url, headers, content, tell) {
        Ok(request) => request,
        Err(error) => {
            leptos::logging::error!("the browser does not send: {error:?}");
            return Answer::default();
        }
    };
    RUNNING.set(Some(request.clone()));
    _ = told.await;
    heard(&request)
}

fn begin(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    content: Content<'_>,
    tell: oneshot::Sender<()>,
) -> Result<XmlHttpRequest, JsValue> {
    let request = XmlHttpRequest::new()?;
    request.open(method, url)?;
    request.set_request_header(GATEWAY_ID_HEADER, &api::gateway_id())?;
    request.set_request_header("tus-resumable", "1.0.0")?;
    for (name, value) in headers {
        request.set_request_header(name, value)?;
    }
    let mut watch = None;
    let (blob, text) = match content {
        Content::Nothing => (None, None),
        Content::Json(text) => (None, Some(text)),
        Content::Part(blob, moved) => {
            watch = follow(&request, moved)?;
            (Some(blob), None)
        }
    };
    let ended = move || {
        if let Some(watch) = watch {
            watch.clear();
        }
        _ = tell.send(());
    };
    request.set_onloadend(Some(Closure::once_into_js(ended).unchecked_ref()));
    match blob {
        Some(blob) => request.send_with_opt_blob(Some(blob))?,
        None => request.send_with_opt_str(text.as_deref())?,
    }
    Ok(request)
}

/// Tells how many bytes have left, and breaks off when none leave any more.
fn follow(request: &XmlHttpRequest, moved: Box<dyn Fn(u64)>) -> Result<Option<IntervalHandle>, JsValue> {
    let moved_at = Rc::new(Cell::new(js_sys::Date::now()));
    let last = Rc::clone(&moved_at);
    let moved = move |event: ProgressEvent| {
        last.set(js_sys::Date::now());
        moved(whole(event.loaded()));
    };
    let moved = Closure::<dyn FnMut(ProgressEvent)>::new(moved).into_js_value();
    request.upload()?.set_onprogress(Some(moved.unchecked_ref()));
    let watched = request.clone();
    let look = move || {
        if js_sys::Date::now() - moved_at.get() > LONGEST_SILENCE {
            _ = watched.abort();
        }
    };
    Ok(set_interval_with_handle(look, LOOK).ok())
}

fn heard(request: &XmlHttpRequest) -> Answer {
    let header = |name| request.get_response_header(name).ok().flatten();
    let last = |place: String| place.rsplit('/').next().map(str::to_owned);
    Answer {
        status: request.status().unwrap_or(0),
        offset: header("upload-offset").and_then(|offset| offset.parse().ok()),
        id: header("location").and_then(last),
        text: request.response_text().ok().flatten().unwrap_or_default(),
    }
}

/// The browser counts bytes in floating point.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates")]
pub(super) const fn whole(bytes: f64) -> u64 {
    bytes as u64
}
