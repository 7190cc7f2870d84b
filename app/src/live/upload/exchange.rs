//! One request of an upload, by the means of the browser that tell how far they are.

use super::steps::Answer;
use crate::api;
use js_sys::Promise;
use leptos::prelude::{IntervalHandle, set_interval_with_handle};
use ota_api::routes::GATEWAY_ID_HEADER;
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};
use wasm_bindgen::{JsCast, JsValue, prelude::Closure};
use wasm_bindgen_futures::JsFuture;
use web_sys::{File, ProgressEvent, XmlHttpRequest};

/// Time between two looks at a request that may have fallen silent.
const LOOK: Duration = Duration::from_secs(5);
/// Milliseconds for which nothing may move. A dead line is told by nobody.
const LONGEST_SILENCE: f64 = 60_000.0;

/// Milliseconds for the answer to a request without content.
const LONGEST_ANSWER: u32 = 60_000;

thread_local! {
    static RUNNING: RefCell<Option<XmlHttpRequest>> = const { RefCell::new(None) };
}

/// Breaks off the request that runs.
pub(super) fn abort() {
    if let Some(Err(error)) = RUNNING.take().map(|request| request.abort()) {
        leptos::logging::error!("a request cannot be broken off: {error:?}");
    }
}

pub(super) enum Content {
    Nothing,
    Json(String),
    /// The file from this byte on, and what is told how much of that has left.
    Part(File, u64, Box<dyn Fn(u64)>),
}

/// A request that has not been sent yet.
pub(super) struct Request {
    method: &'static str,
    url: String,
    headers: Vec<(&'static str, String)>,
    content: Content,
    /// [`abort`] breaks it off.
    breakable: bool,
}

impl Request {
    pub(super) fn new(method: &'static str, url: String) -> Self {
        let headers = vec![(GATEWAY_ID_HEADER, api::gateway_id()), ("tus-resumable", "1.0.0".to_owned())];
        Self { method, url, headers, content: Content::Nothing, breakable: false }
    }

    pub(super) fn header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(super) fn with(self, content: Content) -> Self {
        Self { content, ..self }
    }

    /// Lets [`abort`] break it off, as long as no other such request is sent.
    pub(super) fn breakable(self) -> Self {
        Self { breakable: true, ..self }
    }

    /// Sends it and waits for what is said.
    pub(super) async fn heard(self) -> Answer {
        let breakable = self.breakable;
        let Sent { request, ended, watch } = match self.send() {
            Ok(sent) => sent,
            Err(error) => {
                leptos::logging::error!("the browser does not send: {error:?}");
                return Answer::default();
            }
        };
        if breakable {
            RUNNING.set(Some(request.clone()));
        }
        _ = JsFuture::from(ended).await;
        if let Some(watch) = watch {
            watch.clear();
        }
        answer(&request)
    }

    fn send(self) -> Result<Sent, JsValue> {
        let request = XmlHttpRequest::new()?;
        request.open(self.method, &self.url)?;
        for (name, value) in &self.headers {
            request.set_request_header(name, value)?;
        }
        let ended = Promise::new(&mut |resolve, _| request.set_onloadend(Some(&resolve)));
        let mut watch = None;
        match self.content {
            Content::Nothing => {
                request.set_timeout(LONGEST_ANSWER);
                request.send()?
            }
            Content::Json(json) => request.send_with_opt_str(Some(&json))?,
            Content::Part(file, offset, moved) => {
                watch = follow(&request, moved)?;
                #[expect(clippy::cast_precision_loss, reason = "the browser counts bytes in floating point")]
                let rest = file.slice_with_f64(offset as f64)?;
                request.send_with_opt_blob(Some(&rest))?;
            }
        }
        Ok(Sent { request, ended, watch })
    }
}

/// A request whose answer is not there yet.
struct Sent {
    request: XmlHttpRequest,
    ended: Promise,
    watch: Option<IntervalHandle>,
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

fn answer(request: &XmlHttpRequest) -> Answer {
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
