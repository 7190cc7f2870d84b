//! What is ordered with a PIN: an override of the interlocks, and a factory reset.

use leptos::task::spawn_local;
use ota_api::{ErrorCode, recovery::FactoryRequest, safety::OverrideRequest};

use super::{Live, Message, Wanted, leave, want};
use crate::{api, strings::danger as t, ui::Tone};

/// What the dialog that asks for a PIN is open for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Danger {
    Override,
    FactoryReset,
}

/// What is being typed into it.
#[derive(Debug, Default)]
pub struct DangerForm {
    /// Constraints that are to be overridden.
    pub chosen: Vec<String>,
    /// The reset takes everything.
    pub wipe: bool,
    /// The id of the gateway that is to be reset.
    pub gateway: String,
    pub pin: String,
    pub reason: String,
    /// What the gateway said to the last try.
    pub complaint: String,
    pub sending: bool,
}

/// Sends what the form says.
pub fn send_danger(live: Live) {
    let form = live.danger_form;
    let Some(danger) = live.danger.peek(|danger| *danger) else { return };
    form.update(|form| {
        form.sending = true;
        form.complaint.clear();
    });
    let answer = form.peek(|form| request(danger, form));
    spawn_local(async move {
        let answer = answer.await;
        form.update(|form| {
            form.sending = false;
            form.pin.clear();
        });
        match answer {
            Ok(text) => {
                live.danger.set(None);
                let (tone, items) = (Tone::Warn, Vec::new());
                let title = if danger == Danger::Override { t::OVERRIDDEN } else { t::RESET };
                live.message.set(Some(Message { tone, title, text, items }));
            }
            Err(error) if error.error.code == ErrorCode::Unauthorized => leave(),
            Err(error) => form.update(|form| form.complaint = error.message),
        }
        want(live, Wanted::SAFETY | Wanted::MONITOR);
    });
}

fn request(danger: Danger, form: &DangerForm) -> api::Answer {
    let (pin, reason) = (form.pin.clone(), form.reason.clone());
    match danger {
        Danger::Override => {
            let constraints = Some(form.chosen.clone());
            let request = OverrideRequest { enable: true, pin: Some(pin), reason, constraints };
            api::order(&api::OverrideSafety { request })
        }
        Danger::FactoryReset => {
            let request = FactoryRequest { pin, confirm: true, wipe_data: form.wipe, reason };
            api::order(&api::FactoryReset { request })
        }
    }
}
