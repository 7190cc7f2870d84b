//! Choosing an image file and sending it.

use leptos::prelude::*;

use crate::{
    live::{Ending, Live, Upload, cancel_upload, choose_file, start_upload},
    rules,
    strings::upload as t,
    ui::{ActionButton, STARTING_ID, Why, flag, press, text, typed, word},
};

/// The file, and how far it is on its way: an image for the other slot, or the recovery image.
#[component]
pub fn UploadForm(live: Live, recovery: bool) -> impl IntoView {
    let mine = move |upload: &Upload| upload.recovery == recovery;
    let of = move |read: fn(&Upload) -> String| {
        text(move || live.upload.with(|upload| if mine(upload) { read(upload) } else { String::new() }))
    };
    let reason = move || live.upload.with(|upload| rules::upload(upload, recovery, &live.facts()));
    let idle = move || live.upload.with(|upload| !upload.running);
    let quiet = move || live.upload.with(|upload| !(upload.running && mine(upload)));
    let (name, why) =
        if recovery { ("recovery-file", "recovery-why") } else { ("upload-file", "upload-why") };
    let described = move || (!live.ready.get()).then_some(STARTING_ID);
    view! {
        <div class=if recovery { "upload" } else { "card upload" }>
            <label class="drop">
                <span>{if recovery { t::RECOVERY_FILE } else { t::FILE }}</span>
                <input
                    id=name
                    type="file"
                    accept=".raucb,.img"
                    disabled=flag(move || !live.ready.get() || !idle())
                    aria-describedby=described
                    on:change=typed(move |value| choose_file(live, recovery, value))
                />
            </label>
            <label class="asked" hidden=recovery>
                <span>{t::LABEL}</span>
                <input
                    type="text"
                    maxlength="64"
                    autocomplete="off"
                    disabled=flag(move || !live.ready.get())
                    aria-describedby=described
                    on:input=typed(move |value| live.upload.update(|u| u.label = value))
                />
            </label>
            <div class="action">
                <ActionButton
                    live
                    label=word(move || if recovery { t::KEEP } else { t::VERIFY })
                    class=if recovery { "" } else { "primary" }
                    described_by=why.to_owned()
                    reason
                    press=move || start_upload(live)
                />
                <Why id=why.to_owned() reason/>
            </div>
            <div class="gauge bar" hidden=flag(quiet)>
                <p><span>{t::PROGRESS}</span>" "<span>{of(sent)}</span></p>
                <progress max="100" value=of(|u| u.percent().to_string()) aria-label=t::PROGRESS></progress>
                <button
                    type="button"
                    class="button"
                    hidden=flag(move || live.upload.with(Upload::is_verified_now))
                    on:click=press(move || cancel_upload(live))
                >
                    {t::CANCEL}
                </button>
            </div>
            <p
                class="alert"
                data-tone=word(move || live.upload.with(|u| u.ending.tone().as_str()))
                role="alert"
                hidden=flag(move || live.upload.with(|u| !mine(u) || u.ending == Ending::Nothing))
            >
                {of(|u| u.ending.text().to_owned())}
            </p>
        </div>
    }
}

fn sent(upload: &Upload) -> String {
    if !upload.lost.is_empty() {
        return upload.lost.clone();
    }
    if upload.is_verified_now() {
        return t::VERIFYING.to_owned();
    }
    let size = ota_api::human::size;
    let told = format!("{} %, {} of {}", upload.percent(), size(upload.sent), size(upload.total));
    // A figure of the first moments would only jump.
    if upload.elapsed < 1000 { told } else { format!("{told}, {}/s", size(upload.speed())) }
}
