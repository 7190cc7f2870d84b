//! Scripts, styles and pictures of the page, as the build left them.

use super::AppState;
use axum::{Router, middleware, response::Response};
use axum::{extract::Request, middleware::Next};
use http::{HeaderValue, StatusCode, header};
use std::path::Path;
use tower_http::services::ServeDir;

/// Directory of the build's scripts and styles in the site's.
const PACKAGE: &str = "pkg";

/// Digits that the build puts into a name so that its content never changes.
const SHORTEST_HASH: usize = 12;

/// Files of the site's directory, compressed where the build left a compressed sibling; else a plain "not found".
pub(super) fn service(state: &AppState) -> Router {
    let files = ServeDir::new(&state.options.site)
        .append_index_html_on_directories(false)
        .precompressed_br()
        .precompressed_gzip()
        .fallback(tower::service_fn(async |_: Request| Ok(not_found())));
    Router::new().fallback_service(files).layer(middleware::from_fn(cached))
}

/// The addresses of what the build left, with the hashes in their names.
pub(super) fn named(site: &Path) -> app::Assets {
    let built = |extension: &str| {
        let file =
            newest(&site.join(PACKAGE), extension).unwrap_or_else(|| format!("gateway-ota.{extension}"));
        format!("/{PACKAGE}/{file}")
    };
    app::Assets {
        stylesheet: built("css"),
        script: built("js"),
        wasm: built("wasm"),
        favicon: "/favicon.svg".to_owned(),
    }
}

/// Where a build was not cleaned up, the last one counts.
fn newest(directory: &Path, extension: &str) -> Option<String> {
    let files = std::fs::read_dir(directory).ok()?.filter_map(Result::ok);
    let of_kind = files.filter(|file| file.path().extension().is_some_and(|found| found == extension));
    let newest = of_kind.max_by_key(|file| file.metadata().and_then(|data| data.modified()).ok())?;
    newest.file_name().into_string().ok()
}

async fn cached(request: Request, next: Next) -> Response {
    let hashed = request.uri().path().rsplit('/').next().is_some_and(is_hashed);
    let mut response = next.run(request).await;
    let lasting = hashed && matches!(response.status(), StatusCode::OK | StatusCode::NOT_MODIFIED);
    let value = if lasting { "public, max-age=31536000, immutable" } else { "no-cache" };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(value));
    response
}

/// `name.HASH.ext`.
fn is_hashed(file: &str) -> bool {
    let mut parts = file.rsplit('.');
    let (_extension, hash, name) = (parts.next(), parts.next(), parts.next());
    let looks = |hash: &str| {
        hash.len() >= SHORTEST_HASH
            && hash.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
    };
    name.is_some() && hash.is_some_and(looks)
}

fn not_found() -> Response {
    let mut response = Response::new("There is nothing at this address.\n".into());
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

#[cfg(test)]
mod tests {
    use super::is_hashed;

    #[test]
    fn names_with_a_hash_are_recognized() {
        assert!(is_hashed("gateway-ota.Kx3vGm9Qd1RcUo2eTz7w4A.wasm"));
        assert!(["favicon.svg", "gateway-ota.js", "a.min.js", ""].iter().all(|name| !is_hashed(name)));
    }
}
