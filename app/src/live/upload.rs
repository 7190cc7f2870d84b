//! Sending an image to the gateway, with how far it is.

use super::Live;

/// An upload of this page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Upload {
    /// Name of the chosen file; empty where none is chosen.
    pub file: String,
    /// The version that was typed.
    pub label: String,
    pub running: bool,
    /// Bytes that were sent and that there are.
    pub sent: u64,
    pub total: u64,
    /// Milliseconds since the first byte was sent.
    pub elapsed: u64,
    /// Why the last one did not come to its end.
    pub error: String,
}

impl Upload {
    /// All of it is there, and the gateway looks at it.
    #[must_use]
    pub const fn is_verified_now(&self) -> bool {
        self.running && self.total > 0 && self.sent >= self.total
    }

    /// Bytes a second so far; 0 before there is anything to tell.
    #[must_use]
    pub fn speed(&self) -> u64 {
        self.sent.saturating_mul(1000).checked_div(self.elapsed).unwrap_or(0)
    }
}

/// Takes note of the file that was chosen.
pub fn choose_file(live: Live, name: String) {
    live.upload.update(|upload| {
        upload.file = name.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
        upload.error.clear();
    });
}

#[cfg(feature = "hydrate")]
pub use browser::{cancel_upload, start_upload};

/// Only the browser sends files.
#[cfg(not(feature = "hydrate"))]
pub const fn start_upload(_: Live) {}

/// Only the browser sends files.
#[cfg(not(feature = "hydrate"))]
pub const fn cancel_upload(_: Live) {}

#[cfg(feature = "hydrate")]
mod browser {
    use super::Live;
    use crate::{api, live::leave, strings::upload as t};
    use ota_api::{ApiError, routes};
    use std::cell::RefCell;
    use wasm_bindgen::{JsCast, JsValue, prelude::Closure};
    use web_sys::{FormData, HtmlInputElement, ProgressEvent, XmlHttpRequest};

    thread_local! {
        /// The one that runs: a request of the browser, which knows how far it is.
        static RUNNING: RefCell<Option<XmlHttpRequest>> = const { RefCell::new(None) };
    }

    /// Sends the chosen file.
    pub fn start_upload(live: Live) {
        if let Err(error) = send(live) {
            leptos::logging::error!("the upload cannot begin: {error:?}");
            end(live, t::BROKEN.to_owned());
        }
    }

    /// Breaks the upload off; the gateway keeps nothing of it.
    pub fn cancel_upload(live: Live) {
        let request = RUNNING.take();
        // First, so that the end of the request has nothing to say any more.
        end(live, t::CANCELLED.to_owned());
        if let Some(Err(error)) = request.map(|request| request.abort()) {
            leptos::logging::error!("the upload cannot be broken off: {error:?}");
        }
    }

    fn send(live: Live) -> Result<(), JsValue> {
        let input = leptos::prelude::document().get_element_by_id("upload-file");
        let input = input.and_then(|input| input.dyn_into::<HtmlInputElement>().ok());
        let Some(file) = input.and_then(|input| input.files()?.get(0)) else { return Ok(()) };
        let form = FormData::new()?;
        let label = live.upload.peek(|upload| upload.label.clone());
        if !label.is_empty() {
            form.append_with_str("version", &label)?;
        }
        form.append_with_blob_and_filename("file", &file, &file.name())?;
        let request = XmlHttpRequest::new()?;
        request.open("POST", routes::UPLOAD_VERIFY)?;
        request.set_request_header(routes::GATEWAY_ID_HEADER, &api::gateway_id())?;
        listen(live, &request)?;
        live.upload.update(|upload| {
            (upload.running, upload.sent, upload.total) = (true, 0, whole(file.size()));
            upload.elapsed = 0;
            upload.error.clear();
        });
        request.send_with_opt_form_data(Some(&form))?;
        RUNNING.set(Some(request));
        Ok(())
    }

    fn listen(live: Live, request: &XmlHttpRequest) -> Result<(), JsValue> {
        let began = js_sys::Date::now();
        let moved = move |event: ProgressEvent| {
            live.upload.update(|upload| {
                (upload.sent, upload.total) = (whole(event.loaded()), whole(event.total()));
                upload.elapsed = whole(js_sys::Date::now() - began);
            });
        };
        let moved = Closure::<dyn FnMut(ProgressEvent)>::new(moved).into_js_value();
        request.upload()?.set_onprogress(Some(moved.unchecked_ref()));
        let answered = request.clone();
        let ended =
            move || done(live, answered.status().unwrap_or(0), answered.response_text().ok().flatten());
        request.set_onloadend(Some(Closure::once_into_js(ended).unchecked_ref()));
        Ok(())
    }

    /// The gateway has answered, or the connection is gone.
    fn done(live: Live, status: u16, text: Option<String>) {
        if live.upload.peek(|upload| !upload.running) {
            return;
        }
        match status {
            200 => {
                live.announcement.set(t::DONE.to_owned());
                end(live, String::new());
            }
            401 => leave(),
            _ => {
                let failure = text.and_then(|text| crate::json::read::<ApiError>(text.as_bytes()).ok());
                end(live, failure.map_or_else(|| t::BROKEN.to_owned(), |failure| failure.message));
            }
        }
    }

    fn end(live: Live, error: String) {
        RUNNING.set(None);
        live.upload.update(|upload| (upload.running, upload.error) = (false, error));
    }

    /// The browser counts bytes in floating point.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates")]
    const fn whole(bytes: f64) -> u64 {
        bytes as u64
    }
}

#[cfg(test)]
mod tests {
    use super::Upload;

    #[test]
    fn the_speed_is_that_of_the_whole_way() {
        let upload = Upload { sent: 3_000_000, elapsed: 1_500, ..Upload::default() };
        assert_eq!(upload.speed(), 2_000_000);
        assert_eq!(Upload::default().speed(), 0, "nothing was sent yet");
    }
}
