//! Where the bytes of a target come from: a request for the rest of a file, and what an answer means.

use super::error::FetchError;
use crate::http;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use ota_core::TargetFile;
use reqwest::header::{ACCEPT_ENCODING, CONTENT_RANGE, ETAG, HeaderMap, IF_RANGE, RANGE};
use reqwest::{Client, Response, StatusCode};
use std::io::{self, SeekFrom};
use tokio::fs::File;
use tokio::io::AsyncSeekExt;
use tokio_util::io::ReaderStream;
use url::Url;

/// Bytes that are read from a local file at once.
const FILE_CHUNK: usize = 256 << 10;

/// The rest of a file.
pub(super) struct Answer {
    /// Offset of its first byte: the one that was asked for, or 0.
    pub(super) start: u64,
    /// The server's strong name for this state of the file.
    pub(super) etag: Option<String>,
    pub(super) body: BoxStream<'static, Result<Bytes, FetchError>>,
}

/// A target on its server.
#[derive(Debug)]
pub(super) struct Source {
    client: Client,
    /// Where it may be, likeliest first.
    places: Vec<Url>,
    length: u64,
}

impl Source {
    /// A repository with consistent snapshots (TUF 6.2) has the hash before the file's name, one without has not. The hash is
    /// compared in the end, so either will do.
    pub(super) fn new(client: Client, targets: &Url, target: &TargetFile) -> Result<Self, FetchError> {
        let (directory, file) = target.name.rsplit_once('/').unwrap_or(("", &target.name));
        let hashed = format!("{}.{file}", target.sha256);
        let places = [hashed.as_str(), file].map(|file| place(targets, directory, file));
        let places: Option<Vec<Url>> = places.into_iter().collect();
        let places = places.ok_or_else(|| FetchError::Address(target.name.clone()))?;
        Ok(Self { client, places, length: target.length })
    }

    /// Asks for everything from `offset` on, provided that it is still the file that `etag` names.
    pub(super) async fn open(&mut self, offset: u64, etag: Option<&str>) -> Result<Answer, FetchError> {
        loop {
            let place = self.places.first().ok_or_else(|| FetchError::Address(String::new()))?;
            let opened = match place.scheme() {
                "file" => self.open_file(place, offset).await,
                _ => self.request(place, offset, etag).await,
            };
            match opened {
                Err(FetchError::Refused(StatusCode::NOT_FOUND | StatusCode::FORBIDDEN))
                    if self.places.len() > 1 =>
                {
                    self.places.remove(0);
                }
                opened => return opened,
            }
        }
    }

    async fn request(&self, place: &Url, offset: u64, etag: Option<&str>) -> Result<Answer, FetchError> {
        let mut request = self.client.get(place.clone()).header(ACCEPT_ENCODING, "identity");
        if offset > 0 {
            request = request.header(RANGE, format!("bytes={offset}-"));
            if let Some(etag) = etag {
                request = request.header(IF_RANGE, etag);
            }
        }
        let answer = request.send().await.map_err(|error| FetchError::Unreachable(http::report(error)))?;
        let start = self.accept(&answer, offset)?;
        let etag = strong_etag(answer.headers());
        let body = answer.bytes_stream().map_err(|error| FetchError::Interrupted(http::report(error)));
        Ok(Answer { start, etag, body: body.boxed() })
    }

    /// Checks status, range and length before a byte is taken; returns where the body starts.
    fn accept(&self, answer: &Response, offset: u64) -> Result<u64, FetchError> {
        match answer.status() {
            StatusCode::OK => self.of_this_length(answer.content_length()).map(|()| 0),
            StatusCode::PARTIAL_CONTENT => {
                let (start, length) = content_range(answer.headers())
                    .ok_or(FetchError::NotContinued("it does not say which part it sends"))?;
                self.of_this_length(length)?;
                if start == offset {
                    Ok(start)
                } else {
                    Err(FetchError::NotContinued("it sends another part"))
                }
            }
            StatusCode::RANGE_NOT_SATISFIABLE => Err(FetchError::NotContinued("it has no such part")),
            status if http::is_passing(status) => Err(FetchError::Busy(status)),
            status => Err(FetchError::Refused(status)),
        }
    }

    fn of_this_length(&self, found: Option<u64>) -> Result<(), FetchError> {
        match found {
            Some(found) if found != self.length => {
                Err(FetchError::OtherLength { signed: self.length, found })
            }
            _ => Ok(()),
        }
    }

    async fn open_file(&self, place: &Url, offset: u64) -> Result<Answer, FetchError> {
        let path = place.to_file_path().map_err(|()| FetchError::Address(http::shown(place)))?;
        let broken = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => FetchError::Refused(StatusCode::NOT_FOUND),
            io::ErrorKind::PermissionDenied => FetchError::Refused(StatusCode::FORBIDDEN),
            _ => FetchError::Interrupted(error.to_string()),
        };
        let mut file = File::open(path).await.map_err(broken)?;
        self.of_this_length(Some(file.metadata().await.map_err(broken)?.len()))?;
        file.seek(SeekFrom::Start(offset)).await.map_err(broken)?;
        let body = ReaderStream::with_capacity(file, FILE_CHUNK).map_err(broken);
        Ok(Answer { start: offset, etag: None, body: body.boxed() })
    }
}

fn place(targets: &Url, directory: &str, file: &str) -> Option<Url> {
    let mut url = targets.clone();
    let directories = directory.split('/').filter(|segment| !segment.is_empty());
    url.path_segments_mut().ok()?.pop_if_empty().extend(directories).push(file);
    Some(url)
}

/// A weak one does not promise the same bytes (RFC 9110, 8.8.1).
fn strong_etag(headers: &HeaderMap) -> Option<String> {
    let etag = headers.get(ETAG)?.to_str().ok()?;
    (etag.starts_with('"') && etag.ends_with('"')).then(|| etag.to_owned())
}

/// First byte, and length of the whole file where the server knows it (RFC 9110, 14.4).
fn content_range(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let (range, length) =
        headers.get(CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?.split_once('/')?;
    let start = range.split_once('-')?.0.trim().parse().ok()?;
    let length = if length == "*" { None } else { Some(length.parse().ok()?) };
    Some((start, length))
}

#[cfg(test)]
mod tests {
    use super::{content_range, place, strong_etag};
    use reqwest::header::{CONTENT_RANGE, ETAG, HeaderMap};
    use url::Url;

    fn headers(name: reqwest::header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    #[test]
    fn places_stay_below_the_targets_directory() {
        let at = |base: &str, directory: &str, file: &str| {
            place(&Url::parse(base).unwrap(), directory, file).map(String::from)
        };
        assert_eq!(at("http://h/targets", "", "a b.raucb").as_deref(), Some("http://h/targets/a%20b.raucb"));
        assert_eq!(at("http://h/targets/", "x/y", "a?b").as_deref(), Some("http://h/targets/x/y/a%3Fb"));
        assert_eq!(at("http://h/t/", "../..", "a").as_deref(), Some("http://h/t/a"));
        assert_eq!(at("http://h/t/", "", "%2e%2e").as_deref(), Some("http://h/t/%252e%252e"));
        assert_eq!(at("mailto:x@h", "", "a"), None);
    }

    #[test]
    fn ranges_and_tags_are_read_as_the_standard_says() {
        let range = |value| content_range(&headers(CONTENT_RANGE, value));
        assert_eq!(range("bytes 10-19/100"), Some((10, Some(100))));
        assert_eq!(range("bytes 10-19/*"), Some((10, None)));
        assert_eq!(range("bytes */100"), None);
        assert_eq!(range("lines 1-2/3"), None);
        assert_eq!(strong_etag(&headers(ETAG, "\"a\"")).as_deref(), Some("\"a\""));
        assert_eq!(strong_etag(&headers(ETAG, "W/\"a\"")), None);
    }
}
