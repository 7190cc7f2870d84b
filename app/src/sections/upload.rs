//! Section 3: images that do not come from the update server.

use leptos::prelude::*;
use ota_api::{
    Strategy,
    status::Status,
    upload::{UnfinishedUpload, VerifiedImage},
};

use super::upload_form::UploadForm;
use crate::{
    live::{Live, Order, ask, discard_upload},
    rules,
    strings::{upload as t, words},
    ui::{ActionButton, Fact, Section, TableHead, Why, flag, text, word},
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
            <UploadForm live recovery=false/>
            <Unfinished live/>
            <Images live/>
        </Section>
    }
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
                press=move || discard_upload(live, upload_id.clone())
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
        strategy: Strategy::Seamless,
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
