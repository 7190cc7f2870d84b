//! A debug bundle as a file.

use super::{AppState, envelope};
use axum::{
    body::Body,
    extract::{Path, State, rejection::PathRejection},
    response::Response,
};
use http::{HeaderValue, header};
use ota_api::ErrorCode;
use tokio::fs::File;
use tokio_util::io::ReaderStream;

/// `GET debug/download/{file}`. The name is compared with those of the bundles that are there; no path is made of it.
pub(super) async fn download(
    State(state): State<AppState>,
    file: Result<Path<String>, PathRejection>,
) -> Response {
    let Ok(Path(file)) = file else { return unknown() };
    let Some(id) = file.strip_suffix(".tar.gz") else { return unknown() };
    let path = match state.ota.debug_bundle(id).await {
        Ok(Some(path)) => path,
        Ok(None) => return unknown(),
        Err(error) => return envelope::internal(&error),
    };
    let opened = async {
        let file = File::open(path).await?;
        let length = file.metadata().await?.len();
        Ok::<_, std::io::Error>((file, length))
    };
    let (opened, length) = match opened.await {
        Ok(opened) => opened,
        // Its time was over in this moment.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return unknown(),
        Err(error) => return envelope::internal(&error),
    };
    let mut response = Response::new(Body::from_stream(ReaderStream::new(opened)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/gzip"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let named = HeaderValue::from_str(&format!("attachment; filename=\"{file}\""));
    headers.insert(header::CONTENT_DISPOSITION, named.unwrap_or(HeaderValue::from_static("attachment")));
    response
}

fn unknown() -> Response {
    envelope::reject(ErrorCode::NotFound, "There is no such debug bundle, or its time is over.")
}
