//! How metadata gets here: bounded in time and size, with a few tries.

use crate::http;
use async_trait::async_trait;
use backon::{ExponentialBuilder, Retryable};
use bytes::{Bytes, BytesMut};
use reqwest::{Client, StatusCode};
use std::time::Duration;
use tough::{FilesystemTransport, Transport, TransportError, TransportErrorKind, TransportStream};
use url::Url;

/// Longest time without a byte.
const SILENCE: Duration = Duration::from_secs(10);
/// Longest metadata file in bytes: above all limits of the verifier, which knows better what to expect.
const LONGEST: usize = 32 << 20;
/// Tries after the first one.
const RETRIES: usize = 2;

/// Why a metadata file did not arrive.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error("no connection: {0}")]
    Unreachable(String),
    #[error("the answer was {0}")]
    Status(StatusCode),
    #[error("the answer broke off: {0}")]
    BrokenOff(String),
    #[error("the answer is longer than {LONGEST} bytes")]
    TooLong,
}

impl Trouble {
    fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::BrokenOff(_) => true,
            Self::Status(status) => http::is_passing(*status),
            Self::TooLong => false,
        }
    }

    /// Static storage says in three ways that there is no such file.
    fn kind(&self) -> TransportErrorKind {
        match self {
            Self::Status(StatusCode::NOT_FOUND | StatusCode::FORBIDDEN | StatusCode::GONE) => {
                TransportErrorKind::FileNotFound
            }
            _ => TransportErrorKind::Other,
        }
    }
}

/// HTTP, HTTPS and files.
#[derive(Debug, Clone)]
pub(super) struct MetadataTransport {
    client: Client,
    /// The configured address, with its credentials.
    base: Url,
}

impl MetadataTransport {
    pub(super) fn new(base: Url) -> Result<Self, reqwest::Error> {
        Ok(Self { client: http::client(SILENCE)?, base })
    }

    /// The address with the credentials for its server.
    fn authorized(&self, url: &Url) -> Url {
        let mut url = url.clone();
        if url.origin() == self.base.origin() {
            // What fails on an address without a host has nothing to authorize.
            let _ = url.set_username(self.base.username());
            let _ = url.set_password(self.base.password());
        }
        url
    }

    async fn get(&self, url: &Url) -> Result<Bytes, Trouble> {
        let answer = self.client.get(self.authorized(url)).send().await;
        let mut answer = answer.map_err(|error| Trouble::Unreachable(http::report(error)))?;
        if answer.status() != StatusCode::OK {
            return Err(Trouble::Status(answer.status()));
        }
        let mut bytes = BytesMut::new();
        while let Some(chunk) =
            answer.chunk().await.map_err(|error| Trouble::BrokenOff(http::report(error)))?
        {
            if bytes.len() + chunk.len() > LONGEST {
                return Err(Trouble::TooLong);
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes.freeze())
    }
}

#[async_trait]
impl Transport for MetadataTransport {
    async fn fetch(&self, url: Url) -> Result<TransportStream, TransportError> {
        match url.scheme() {
            "file" => return FilesystemTransport.fetch(url).await,
            "http" | "https" => {}
            _ => {
                return Err(TransportError::new(TransportErrorKind::UnsupportedUrlScheme, http::shown(&url)));
            }
        }
        let pauses =
            ExponentialBuilder::default().with_min_delay(Duration::from_millis(200)).with_max_times(RETRIES);
        let fetched = (|| self.get(&url)).retry(pauses).when(Trouble::may_pass).await;
        let fetched = fetched
            .map_err(|trouble| TransportError::new_with_cause(trouble.kind(), http::shown(&url), trouble));
        // A failure travels in the stream, never as the error of this call: the verifier takes any such error for "there
        // is no newer root", and a server in trouble must not look like one that has nothing new.
        Ok(Box::pin(futures::stream::once(std::future::ready(fetched))))
    }
}

#[cfg(test)]
mod tests {
    use super::MetadataTransport;
    use url::Url;

    #[test]
    fn only_the_own_server_hears_the_credentials() {
        let url = |text| Url::parse(text).unwrap();
        let transport =
            MetadataTransport::new(url("https://gateway:s%40cret@updates.example/metadata")).unwrap();
        let asked = transport.authorized(&url("https://updates.example/metadata/timestamp.json"));
        assert_eq!(asked.as_str(), "https://gateway:s%40cret@updates.example/metadata/timestamp.json");
        for other in ["http://updates.example/timestamp.json", "https://other.example/timestamp.json"] {
            assert_eq!(transport.authorized(&url(other)).as_str(), other);
        }
    }
}
