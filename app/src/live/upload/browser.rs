//! Sends an image in parts, and goes on after a lost connection.

use super::exchange::{Content, Request, abort, whole};
use super::steps::{Ask, Step};
use super::{Ending, Live, Upload, memory};
use crate::live::{Message, delay_ms, leave};
use crate::strings::upload as t;
use crate::ui::Tone;
use leptos::{
    prelude::{document, window},
    task::spawn_local,
};
use ota_api::routes;
use std::cell::RefCell;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::{File, HtmlInputElement};

#[derive(Default)]
struct Running {
    /// Counts the uploads of this page: what belongs to an earlier one has nothing to say.
    turn: u32,
    /// The gateway's name of the upload.
    id: Option<String>,
    /// Other uploads that the gateway is asked to forget.
    discarded: Vec<String>,
}

thread_local! {
    static RUNNING: RefCell<Running> = RefCell::default();
}

/// Sends the chosen file, from where the gateway has it already.
pub fn start_upload(live: Live) {
    let recovery = live.upload.peek(|upload| upload.recovery);
    let input = document().get_element_by_id(if recovery { "recovery-file" } else { "upload-file" });
    let input = input.and_then(|input| input.dyn_into::<HtmlInputElement>().ok());
    let Some(file) = input.and_then(|input| input.files()?.get(0)) else { return };
    live.upload.update(|upload| {
        (upload.running, upload.sent, upload.total) = (true, 0, whole(file.size()));
        (upload.begun, upload.elapsed) = (0, 0);
        upload.lost.clear();
        upload.ending = Ending::Nothing;
    });
    let turn = next_turn(memory::recall(&file));
    spawn_local(bring(live, file, turn));
}

/// Breaks the upload off; the gateway keeps nothing of it. What is being verified is not broken off any more.
pub fn cancel_upload(live: Live) {
    if live.upload.peek(Upload::is_verified_now) {
        return;
    }
    let id = RUNNING.with_borrow_mut(|running| running.id.take());
    next_turn(None);
    abort();
    let Some(id) = id else { return end(live, Ending::Cancelled) };
    end(live, Ending::Cancelling);
    memory::forget(&id);
    spawn_local(async move {
        let told = if discarded(live, &id).await { Ending::Cancelled } else { Ending::Nothing };
        // Nothing has taken its place since.
        if live.upload.peek(|upload| upload.ending == Ending::Cancelling) {
            end(live, told);
        }
    });
}

/// Has the gateway forget an upload; it says itself that it did.
pub fn discard_upload(live: Live, id: String) {
    let asked = RUNNING.with_borrow_mut(|running| {
        let asked = running.discarded.contains(&id);
        running.discarded.extend((!asked).then(|| id.clone()));
        asked
    });
    if asked {
        return;
    }
    spawn_local(async move {
        if discarded(live, &id).await {
            memory::forget(&id);
        }
        RUNNING.with_borrow_mut(|running| running.discarded.retain(|other| *other != id));
    });
}

/// Asks until the upload is gone, or the gateway refuses: then the page says why.
async fn discarded(live: Live, id: &str) -> bool {
    let mut failures = 0;
    loop {
        let answer = Request::new("DELETE", routes::upload_file_url(id)).heard().await;
        match Step::after_discard(&answer) {
            Step::Again => {
                sleep(wait(failures)).await;
                failures += 1;
            }
            Step::Stopped(text) => {
                let title = t::NOT_DISCARDED;
                live.message.set(Some(Message { tone: Tone::Bad, title, text, items: Vec::new() }));
                return false;
            }
            Step::LoggedOut => {
                leave();
                return false;
            }
            _ => return true,
        }
    }
}

/// Whether no other upload of this page has begun since.
fn is_current(turn: u32) -> bool {
    RUNNING.with_borrow(|running| running.turn == turn)
}

fn next_turn(id: Option<String>) -> u32 {
    RUNNING.with_borrow_mut(|running| {
        (running.turn, running.id) = (running.turn.wrapping_add(1), id);
        running.turn
    })
}

fn forget() {
    if let Some(id) = RUNNING.with_borrow_mut(|running| running.id.take()) {
        memory::forget(&id);
    }
}

fn end(live: Live, ending: Ending) {
    live.upload.update(|upload| (upload.running, upload.ending) = (false, ending));
}

/// Takes one step after the other until the image is verified, or it is no use.
async fn bring(live: Live, file: File, turn: u32) {
    // Where the gateway is; none: it has to be asked.
    let (mut at, mut best, mut failures) = (None, 0, 0);
    loop {
        let id = RUNNING.with_borrow(|running| running.id.clone());
        let ask = Ask::next(id.is_some(), at, whole(file.size()));
        let request = request(live, &file, &id.unwrap_or_default(), ask);
        // The gateway may have begun an upload, and only its answer says which.
        let request = if ask == Ask::Begin { request } else { request.breakable() };
        let answer = request.heard().await;
        if !is_current(turn) {
            if let Some(id) = answer.id {
                discarded(live, &id).await;
            }
            return;
        }
        at = None;
        match Step::after(ask, &answer) {
            Step::At(offset) => {
                if let Some(id) = answer.id {
                    memory::remember(&file, &id);
                    RUNNING.with_borrow_mut(|running| running.id = Some(id));
                }
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
                let wait = wait(failures);
                failures += 1;
                live.upload.update(|upload| upload.lost = t::lost(upload.percent(), &clock(wait)));
                sleep(wait).await;
                if !is_current(turn) {
                    return;
                }
            }
            Step::Gone => forget(),
            Step::Verified => {
                forget();
                let recovery = live.upload.peek(|upload| upload.recovery);
                live.announcement.set(if recovery { t::KEPT_FOR_RECOVERY } else { t::DONE }.to_owned());
                return end(live, Ending::Nothing);
            }
            Step::Refused(sentence) => {
                forget();
                return end(live, Ending::Failed(sentence));
            }
            Step::Stopped(sentence) => return end(live, Ending::Failed(sentence)),
            Step::LoggedOut => return leave(),
        }
    }
}

fn request(live: Live, file: &File, id: &str, ask: Ask) -> Request {
    let place = || routes::upload_file_url(id);
    match ask {
        Ask::Begin => {
            // base64 of the browser takes bytes as letters.
            let bytes: String = file.name().bytes().map(char::from).collect();
            let name = window().btoa(&bytes).unwrap_or_default();
            Request::new("POST", routes::UPLOAD_FILES.to_owned())
                .header("upload-length", whole(file.size()).to_string())
                .header("upload-metadata", format!("filename {name}"))
        }
        Ask::HowFar => Request::new("HEAD", place()),
        Ask::Take(offset) => {
            let began = js_sys::Date::now();
            live.upload.update(|upload| (upload.begun, upload.elapsed) = (offset, 0));
            let moved = move |sent| {
                live.upload.update(|upload| {
                    upload.sent = offset + sent;
                    upload.elapsed = whole(js_sys::Date::now() - began);
                });
            };
            Request::new("PATCH", place())
                .header("upload-offset", offset.to_string())
                .header("content-type", "application/offset+octet-stream".to_owned())
                .with(Content::Part(file.clone(), offset, Box::new(moved)))
        }
        Ask::Verify => {
            let (recovery, version) = live.upload.peek(|upload| (upload.recovery, upload.label.clone()));
            let (route, body) = if recovery {
                (routes::RECOVERY_FINISH, serde_json::json!({ "upload_id": id }))
            } else {
                (routes::UPLOAD_FINISH, serde_json::json!({ "upload_id": id, "version": version }))
            };
            let body = body.to_string();
            Request::new("POST", route.to_owned())
                .header("content-type", "application/json".to_owned())
                .with(Content::Json(body))
        }
    }
}

/// Milliseconds before the next try.
fn wait(failures: u32) -> u64 {
    delay_ms(failures, false, js_sys::Math::random())
}

/// The time of day in so many milliseconds.
fn clock(wait: u64) -> String {
    let then = js_sys::Date::new_0();
    then.set_milliseconds(then.get_milliseconds() + u32::try_from(wait).unwrap_or_default());
    String::from(then.to_time_string()).chars().take(8).collect()
}

async fn sleep(milliseconds: u64) {
    let milliseconds = i32::try_from(milliseconds).unwrap_or(i32::MAX);
    let over = js_sys::Promise::new(&mut |resolve, _| {
        _ = window().set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, milliseconds);
    });
    _ = JsFuture::from(over).await;
}
