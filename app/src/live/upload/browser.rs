//! Sends an image in parts, and goes on after a lost connection.

use super::exchange::{Answer, Content, abort, exchange, whole};
use super::{Live, memory};
use crate::live::{delay_ms, leave};
use crate::strings::upload as t;
use futures::channel::oneshot;
use leptos::{
    prelude::{document, set_timeout, window},
    task::spawn_local,
};
use ota_api::{ApiError, routes};
use std::{cell::RefCell, time::Duration};
use wasm_bindgen::JsCast;
use web_sys::{File, HtmlInputElement};

#[derive(Default)]
struct Running {
    /// Counts the uploads of this page: what belongs to an earlier one has nothing to say.
    turn: u32,
    /// The gateway's name of the upload.
    id: Option<String>,
}

thread_local! {
    static RUNNING: RefCell<Running> = RefCell::default();
}

/// Sends the chosen file, from where the gateway has it already.
pub fn start_upload(live: Live) {
    let input = document().get_element_by_id("upload-file");
    let input = input.and_then(|input| input.dyn_into::<HtmlInputElement>().ok());
    let Some(file) = input.and_then(|input| input.files()?.get(0)) else { return };
    live.upload.update(|upload| {
        (upload.running, upload.sent, upload.total) = (true, 0, whole(file.size()));
        (upload.begun, upload.elapsed) = (0, 0);
        upload.lost.clear();
        upload.error.clear();
    });
    let turn = next_turn(memory::recall(&file));
    spawn_local(bring(live, file, turn));
}

/// Breaks the upload off; the gateway keeps nothing of it.
pub fn cancel_upload(live: Live) {
    let id = RUNNING.with_borrow_mut(|running| running.id.take());
    next_turn(None);
    abort();
    end(live, t::CANCELLED.to_owned());
    if let Some(id) = id {
        discard_upload(id);
    }
}

/// Has the gateway forget an upload; it says itself that it did.
pub fn discard_upload(id: String) {
    memory::forget(&id);
    spawn_local(async move {
        let mut failures = 0;
        while exchange("DELETE", &routes::upload_file_url(&id), &[], Content::Nothing).await.status == 0 {
            sleep(delay_ms(failures, false, js_sys::Math::random())).await;
            failures += 1;
        }
    });
}

fn next_turn(id: Option<String>) -> u32 {
    RUNNING.with_borrow_mut(|running| {
        (running.turn, running.id) = (running.turn.wrapping_add(1), id);
        running.turn
    })
}

fn end(live: Live, error: String) {
    live.upload.update(|upload| (upload.running, upload.error) = (false, error));
}

/// What a request has led to.
enum Step {
    /// The gateway has so many bytes.
    At(u64),
    Verified,
    /// Nothing was heard, or it has to be asked again how far it is.
    Again,
    /// The gateway has no such upload any more.
    Gone,
    Refused(String),
    LoggedOut,
}

/// Takes one step after the other until the image is verified, or it is no use.
async fn bring(live: Live, file: File, turn: u32) {
    // Where the gateway is; none: it has to be asked.
    let (mut at, mut best, mut failures) = (None, 0, 0);
    loop {
        let id = RUNNING.with_borrow(|running| running.id.clone());
        let step = match (id, at) {
            (None, _) => begin(&file).await,
            (Some(id), None) => ask(&id).await,
            (Some(id), Some(offset)) if offset < whole(file.size()) => send(live, &file, &id, offset).await,
            (Some(id), Some(_)) => finish(live, &id).await,
        };
        if RUNNING.with_borrow(|running| running.turn != turn) {
            return;
        }
        at = None;
        match step {
            Step::At(offset) => {
                at = Some(offset);
                if offset > best {
                    (best, failures) = (offset, 0);
                }
                live.upload.update(|upload| {
                    upload.sent = offset;
                    upload.lost.clear();
                });
            }
            Step::Again => {
                pause(live, failures).await;
                failures += 1;
                if RUNNING.with_borrow(|running| running.turn != turn) {
                    return;
                }
            }
            Step::Gone => forget(),
            Step::Verified => {
                forget();
                live.announcement.set(t::DONE.to_owned());
                return end(live, String::new());
            }
            Step::Refused(sentence) => return end(live, sentence),
            Step::LoggedOut => return leave(),
        }
    }
}

fn forget() {
    if let Some(id) = RUNNING.with_borrow_mut(|running| running.id.take()) {
        memory::forget(&id);
    }
}

async fn begin(file: &File) -> Step {
    let length = whole(file.size()).to_string();
    // base64 of the browser takes bytes as letters.
    let bytes: String = file.name().bytes().map(char::from).collect();
    let metadata = format!("filename {}", window().btoa(&bytes).unwrap_or_default());
    let headers = [("upload-length", length.as_str()), ("upload-metadata", metadata.as_str())];
    let answer = exchange("POST", routes::UPLOAD_FILES, &headers, Content::Nothing).await;
    match answer {
        Answer { status: 201, id: Some(id), .. } => {
            memory::remember(file, &id);
            RUNNING.with_borrow_mut(|running| running.id = Some(id));
            Step::At(0)
        }
        answer => otherwise(&answer),
    }
}

async fn ask(id: &str) -> Step {
    let answer = exchange("HEAD", &routes::upload_file_url(id), &[], Content::Nothing).await;
    match answer {
        Answer { status: 200, offset: Some(offset), .. } => Step::At(offset),
        Answer { status: 404, .. } => Step::Gone,
        answer => otherwise(&answer),
    }
}

async fn send(live: Live, file: &File, id: &str, offset: u64) -> Step {
    #[expect(clippy::cast_precision_loss, reason = "the browser counts bytes in floating point")]
    let Ok(rest) = file.slice_with_f64(offset as f64) else { return Step::Refused(t::BROKEN.to_owned()) };
    let began = js_sys::Date::now();
    live.upload.update(|upload| (upload.begun, upload.elapsed) = (offset, 0));
    let moved = move |sent| {
        live.upload.update(|upload| {
            upload.sent = offset + sent;
            upload.elapsed = whole(js_sys::Date::now() - began);
        });
    };
    let from = offset.to_string();
    let headers = [("upload-offset", from.as_str()), ("content-type", "application/offset+octet-stream")];
    let part = Content::Part(&rest, Box::new(moved));
    let answer = exchange("PATCH", &routes::upload_file_url(id), &headers, part).await;
    match answer {
        Answer { status: 204, offset: Some(offset), .. } => Step::At(offset),
        Answer { status: 404, .. } => Step::Gone,
        answer => otherwise(&answer),
    }
}

async fn finish(live: Live, id: &str) -> Step {
    let version = live.upload.peek(|upload| upload.label.clone());
    let body = serde_json::json!({ "upload_id": id, "version": version }).to_string();
    let headers = [("content-type", "application/json")];
    let answer = exchange("POST", routes::UPLOAD_FINISH, &headers, Content::Json(body)).await;
    match answer.status {
        200 => Step::Verified,
        // Of an image that was refused nothing is kept.
        404 | 422 => {
            forget();
            otherwise(&answer)
        }
        _ => otherwise(&answer),
    }
}

fn otherwise(answer: &Answer) -> Step {
    match answer.status {
        // Nothing but the way is at fault, or somebody is not ready yet.
        0 | 408 | 409 | 502 | 503 | 504 => Step::Again,
        401 => Step::LoggedOut,
        _ => {
            let failure = crate::json::read::<ApiError>(answer.text.as_bytes()).ok();
            Step::Refused(failure.map_or_else(|| t::BROKEN.to_owned(), |failure| failure.message))
        }
    }
}

/// Waits before the next try, and says until when.
async fn pause(live: Live, failures: u32) {
    let wait = delay_ms(failures, false, js_sys::Math::random());
    let until = js_sys::Date::new_0();
    until.set_milliseconds(until.get_milliseconds() + u32::try_from(wait).unwrap_or_default());
    let until = String::from(until.to_time_string()).chars().take(8).collect::<String>();
    live.upload.update(|upload| upload.lost = t::lost(upload.percent(), &until));
    sleep(wait).await;
}

async fn sleep(milliseconds: u64) {
    let (tell, told) = oneshot::channel();
    set_timeout(move || _ = tell.send(()), Duration::from_millis(milliseconds));
    _ = told.await;
}
