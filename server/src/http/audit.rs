//! The whole audit log as a file that can be verified on its own.

use super::{AppState, envelope};
use axum::{body::Body, extract::State, response::Response};
use bytes::Bytes;
use futures::stream;
use http::{HeaderValue, header};
use ota_core::AuditRecord;
use ota_engine::{Ota, OtaError};
use std::{io, sync::Arc};

/// Records that are read at a time.
const CHUNK: u32 = 500;

/// Answers with one record a line, oldest first, up to what was the newest one at some time while it was sent.
pub(super) async fn export(State(state): State<AppState>) -> Response {
    let ota = Arc::clone(&state.ota);
    // The first look tells whether there is anything to send at all.
    let first = match ota.audit_after(0, CHUNK).await {
        Ok(records) => records,
        Err(error) => return envelope::internal(&error),
    };
    let lines = stream::try_unfold((ota, first), |(ota, records)| async move {
        let Some(last) = records.last().map(|record| record.seq) else { return Ok(None) };
        let text = text_of(&records)?;
        let next = ota.audit_after(last, CHUNK).await.map_err(cut_off)?;
        Ok::<_, io::Error>(Some((text, (ota, next))))
    });
    let mut response = Response::new(Body::from_stream(lines));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::CONTENT_DISPOSITION, attachment(&state.ota));
    response
}

fn text_of(records: &[AuditRecord]) -> io::Result<Bytes> {
    let mut text = Vec::new();
    for record in records {
        serde_json::to_writer(&mut text, record)?;
        text.push(b'\n');
    }
    Ok(text.into())
}

/// The connection breaks off: what was sent is not the whole log.
fn cut_off(error: OtaError) -> io::Error {
    tracing::error!(%error, "an export of the audit log was cut off");
    io::Error::other(error)
}

fn attachment(ota: &Ota) -> HeaderValue {
    let harmless = |c: &char| c.is_ascii_alphanumeric() || "-_.".contains(*c);
    let id: String = ota.snapshot().site.id.chars().filter(harmless).collect();
    let named = HeaderValue::from_str(&format!("attachment; filename=\"{id}-audit.jsonl\""));
    named.unwrap_or(HeaderValue::from_static("attachment"))
}
