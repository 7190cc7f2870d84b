//! Section 3: images that do not come from the update server.

use leptos::prelude::*;
use ota_api::{
    status::Status,
    upload::{UnfinishedUpload, VerifiedImage},
};

use crate::{
    live::{Live, Order, Upload, ask, cancel_upload, choose_file, discard_upload, start_upload},
    rules,
    strings::{upload as t, words},
    ui::{ActionButton, Fact, STARTING_ID, Section, TableHead, Why, flag, press, text, typed, word},
};

/// The table's columns.
const COLUMNS: [&str; 6] = [t::NAME, t::VERSION, t::SIZE, t::SIGNER, t::KEPT, t::ACTIONS];

#[component]
pub fn UploadSection(live: Live) -> impl IntoView {
    let of = move |read: fn(&Status) -> String| text(move || live.system.with(read));
    let format = text(|| t::FORMAT_VALUE.to_owned());
    view! {
        <Section index=2>
            <p>{t::INTRO}</p>
            <dl class="cards facts">
                <Fact
                    label=t::TARGET
                    value=of(|s| format!("{}, now {}", s.partitions.inactive.id, s.partitions.inactive.version))
                />
                <Fact label=t::MODEL value=of(|s| s.gateway.model.clone())/>
                <Fact label=t::FORMAT value=format/>
                <Fact label=t::SPACE value=text(move || live.uploads.with(|u| u.room.clone()))/>
            </dl>
            <Form live/>
            <Unfinished live/>
            <Images live/>
        </Section>
    }
}

/// The file, and how far it is on its way.
#[component]
fn Form(live: Live) -> impl IntoView {
    let of = move |read: fn(&Upload) -> String| text(move || live.upload.with(read));
    let reason = move || live.upload.with(|upload| rules::upload(upload, &live.facts()));
    let idle = move || live.upload.with(|upload| !upload.running);
    let described = move || (!live.ready.get()).then_some(STARTING_ID);
    view! {
        <div class="card upload">
            <label class="drop">
                <span>{t::FILE}</span>
                <input
                    id="upload-file"
                    type="file"
                    accept=".raucb,.img"
                    disabled=flag(move || !live.ready.get() || !idle())
                    aria-describedby=described
                    on:change=typed(move |value| choose_file(live, value))
                />
            </label>
            <label class="asked">
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
                    label=word(|| t::VERIFY)
                    class="primary"
                    described_by="upload-why".to_owned()
                    reason
                    press=move || start_upload(live)
                />
                <Why id="upload-why".to_owned() reason/>
            </div>
            <div class="gauge bar" hidden=flag(idle)>
                <p><span>{t::PROGRESS}</span>" "<span>{of(sent)}</span></p>
                <progress max="100" value=of(|u| u.percent().to_string()) aria-label=t::PROGRESS></progress>
                <button type="button" class="button" on:click=press(move || cancel_upload(live))>{t::CANCEL}</button>
            </div>
            <p
                class="alert"
                data-tone="bad"
                role="alert"
                hidden=flag(move || live.upload.with(|u| u.error.is_empty()))
            >
                {of(|u| u.error.clone())}
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

/// Uploads that wait for their rest, while this page sends none.
#[component]
fn Unfinished(live: Live) -> impl IntoView {
    let none = move || {
        live.upload.with(|upload| upload.running)
            || live.uploads.with(|uploads| uploads.unfinished.is_empty())
    };
    let rows = move || {
        let unfinished = live.uploads.with(|uploads| uploads.unfinished.clone());
        unfinished.into_iter().map(|upload| waiting(live, upload)).collect_view()
    };
    view! {
        <div class="card bundles" hidden=flag(none)>
            <h3>{t::UNFINISHED}</h3>
            <p class="hint">{t::UNFINISHED_HINT}</p>
            <ul>{rows}</ul>
            <Why id="discard-why".to_owned() reason=move || rules::discard_upload(&live.facts())/>
        </div>
    }
}

fn waiting(live: Live, upload: UnfinishedUpload) -> impl IntoView {
    let UnfinishedUpload { upload_id, name, size_bytes, received_bytes, expires_at } = upload;
    let percent = received_bytes.saturating_mul(100).checked_div(size_bytes).unwrap_or(0);
    view! {
        <li>
            <span>{name.clone()}</span>" "
            <span class="hint">{t::waiting(percent, size_bytes, &words::moment(&expires_at))}</span>" "
            <ActionButton
                live
                label=word(|| t::DISCARD)
                about=name
                described_by="discard-why".to_owned()
                reason=move || rules::discard_upload(&live.facts())
                press=move || discard_upload(upload_id.clone())
            />
        </li>
    }
}

/// What was verified and can be deployed.
#[component]
fn Images(live: Live) -> impl IntoView {
    let none = move || live.uploads.with(|uploads| uploads.images.is_empty());
    let rows = move || {
        let images = live.uploads.with(|uploads| uploads.images.clone());
        images.into_iter().map(|image| view! { <Image live image/> }).collect_view()
    };
    view! {
        <h3>{t::VERIFIED}</h3>
        <p class="empty" hidden=flag(move || !none())>{t::NONE}</p>
        <table class="stack images" role="table" hidden=flag(none)>
            <TableHead caption=t::VERIFIED columns=&COLUMNS/>
            <tbody role="rowgroup">{rows}</tbody>
        </table>
    }
}

#[component]
fn Image(live: Live, image: VerifiedImage) -> impl IntoView {
    let VerifiedImage { file, metadata, compatibility, kept_until, .. } = image.clone();
    let id = file.checksum.chars().skip(7).take(12).collect::<String>();
    let why = format!("deploy-{id}-why");
    let order = Order::Deploy {
        name: file.name.clone(),
        version: metadata.signed_version.clone(),
        checksum: file.checksum.clone(),
        reboot_after: true,
        snapshot: true,
    };
    let reason = {
        let image = StoredValue::new(image);
        move || image.with_value(|image| rules::deploy(image, &live.facts()))
    };
    let label = live.system.peek(|s| s.partitions.inactive.id);
    view! {
        <tr role="row">
            <th role="rowheader" scope="row">
                {file.name.clone()}<br/><span class="hint checksum">{file.checksum}</span>
            </th>
            <td role="cell" data-label=t::VERSION>{labelled(&metadata.signed_version, &file.version)}</td>
            <td role="cell" data-label=t::SIZE>{file.size}</td>
            <td role="cell" data-label=t::SIGNER>{metadata.signer}</td>
            <td role="cell" data-label=t::KEPT>{words::moment(&kept_until)}</td>
            <td role="cell" class="row-actions">
                <span class="hint">{format!("{}: {}, {}: {}", t::HARDWARE, compatibility.hardware, t::KERNEL, metadata.kernel)}</span>
                <div class="actions">
                    <ActionButton
                        live
                        label=word(move || match label {
                            ota_api::SlotId::A => "Deploy to Partition A",
                            ota_api::SlotId::B => "Deploy to Partition B",
                        })
                        about=file.name
                        class="primary"
                        described_by=why.clone()
                        reason
                        press=move || ask(live, order.clone())
                    />
                </div>
                <Why id=why reason/>
            </td>
        </tr>
    }
}

/// The signed version, and the label beside it where there is another one.
fn labelled(signed: &str, label: &str) -> String {
    if signed == label { signed.to_owned() } else { format!("{signed} (“{label}”)") }
}
