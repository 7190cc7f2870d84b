//! The WebSocket in the browser: connects, listens, and connects again with growing pauses.

use leptos::prelude::*;
use ota_api::routes;
use std::{cell::RefCell, time::Duration};
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{
    CloseEvent, MessageEvent, WebSocket,
    js_sys::{Date, Math},
};

use super::{
    Link, Live, Restart, Wanted, delay_ms, read,
    resync::{catch_up, leave},
    want,
};

/// Close code of a socket whose session is not valid.
const NOT_AUTHENTICATED: u16 = 4401;
/// Seconds between two tries to read what could not be read; a hidden page has longer ones.
const CATCH_UP_TICKS: u32 = 10;
/// The gateway says something every two seconds.
const LONGEST_SILENCE_SECONDS: u32 = 10;
/// Failed tries after which the session is asked about: the browser hides why a handshake was refused.
const ASK_ABOUT_SESSION_AFTER: u32 = 2;

/// The handlers of a socket; dropping them ends the listening.
type Handlers = (Closure<dyn FnMut()>, Closure<dyn FnMut(MessageEvent)>, Closure<dyn FnMut(CloseEvent)>);

struct Connection {
    socket: WebSocket,
    _handlers: Handlers,
}

#[derive(Default)]
struct State {
    connection: Option<Connection>,
    pause: Option<TimeoutHandle>,
    /// Failed tries since the last open connection.
    failures: u32,
    /// Since the last message.
    silent_seconds: u32,
    /// When the last tick was, in milliseconds since 1970.
    ticked_at: f64,
    /// Ticks since the last try to read what could not be read.
    ticks: u32,
}

thread_local! {
    static STATE: RefCell<State> = RefCell::default();
}

/// Connects, lets running times run, and notices silence.
pub fn start(live: Live) {
    STATE.with_borrow_mut(|state| state.ticked_at = Date::now());
    connect(live);
    set_interval(move || tick(live), Duration::from_secs(1));
}

fn tick(live: Live) {
    let passed = seconds_since_the_last();
    live.job_age.update(|age| *age += passed);
    live.monitor_age.update(|age| *age += passed);
    if live.safety.peek(|safety| safety.force.is_some()) {
        live.safety.update(|safety| safety.count_down(passed));
    }
    let (silent, catches_up) = STATE.with_borrow_mut(|state| {
        state.silent_seconds += 1;
        state.ticks = (state.ticks + 1) % CATCH_UP_TICKS;
        (state.silent_seconds == LONGEST_SILENCE_SECONDS, state.ticks == 0)
    });
    if catches_up && live.link.peek(|link| *link == Link::Up) {
        catch_up(live);
    }
    if silent && live.link.peek(|link| *link == Link::Up) {
        // Closing would wait for an answer of the other end, which may have lost its power: the next try replaces the socket.
        live.disconnected();
        pause(live);
    }
}

/// A browser lets the timers of a hidden page rest, and a laptop sleeps.
fn seconds_since_the_last() -> u64 {
    let now = Date::now();
    STATE.with_borrow_mut(|state| {
        let milliseconds = now - state.ticked_at;
        if milliseconds < -1000.0 {
            // The clock was put back.
            state.ticked_at = now;
            return 0;
        }
        // What is rounded off here counts with the next tick.
        let seconds = (milliseconds / 1000.0).round().max(0.0);
        state.ticked_at += seconds * 1000.0;
        seconds as u64
    })
}

/// Ends the pause, if there is one.
pub fn try_now(live: Live) {
    let pause = STATE.with_borrow_mut(|state| state.pause.take());
    if let Some(pause) = pause {
        pause.clear();
        connect(live);
    }
}

fn connect(live: Live) {
    let Ok(socket) = WebSocket::new(&address(live)) else { return pause(live) };
    let opened = Closure::new(move || on_open(live));
    let said = Closure::new(move |event: MessageEvent| on_message(live, &event));
    let closed = Closure::new(move |event: CloseEvent| on_close(live, &event));
    socket.set_onopen(Some(opened.as_ref().unchecked_ref()));
    socket.set_onmessage(Some(said.as_ref().unchecked_ref()));
    socket.set_onclose(Some(closed.as_ref().unchecked_ref()));
    let connection = Connection { socket, _handlers: (opened, said, closed) };
    let old = STATE.with_borrow_mut(|state| state.connection.replace(connection));
    if let Some(old) = old {
        old.socket.set_onclose(None);
        _ = old.socket.close();
    }
}

/// `wss` under TLS, on the page's own host, from what the page knows already.
fn address(live: Live) -> String {
    let location = window().location();
    let secure = location.protocol().is_ok_and(|protocol| protocol == "https:");
    let host = location.host().unwrap_or_default();
    let (scheme, path) = (if secure { "wss" } else { "ws" }, routes::WEB_SOCKET);
    format!("{scheme}://{host}{path}?additions=true&after={}", live.heard.peek(|seq| *seq))
}

fn on_open(live: Live) {
    STATE.with_borrow_mut(|state| (state.failures, state.silent_seconds) = (0, 0));
    live.connected();
}

fn on_message(live: Live, event: &MessageEvent) {
    STATE.with_borrow_mut(|state| state.silent_seconds = 0);
    if let Some(heard) = event.data().as_string().and_then(|text| read(text.as_bytes())) {
        live.receive(heard);
    }
}

fn on_close(live: Live, event: &CloseEvent) {
    if event.code() == NOT_AUTHENTICATED {
        return leave();
    }
    live.disconnected();
    pause(live);
}

/// Waits, then connects again. A second report of the same loss changes nothing.
fn pause(live: Live) {
    if STATE.with_borrow(|state| state.pause.is_some()) {
        return;
    }
    let restarting = live.restart.peek(|restart| matches!(restart, Restart::Announced { .. }));
    let failures = STATE.with_borrow_mut(|state| {
        state.failures += 1;
        state.failures
    });
    if failures == ASK_ABOUT_SESSION_AFTER && !restarting && live.link.peek(|link| *link == Link::Lost) {
        want(live, Wanted::MONITOR);
    }
    let wait = Duration::from_millis(delay_ms(failures - 1, restarting, Math::random()));
    let handle = set_timeout_with_handle(
        move || {
            STATE.with_borrow_mut(|state| state.pause = None);
            connect(live);
        },
        wait,
    );
    STATE.with_borrow_mut(|state| state.pause = handle.ok());
}
