//! The HTTP client that repository and downloads have in common.

use crate::causes::causes;
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};
use std::time::Duration;
use url::Url;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const MOST_REDIRECTS: usize = 5;

/// A client whose connections time out after five seconds, and whose answers after `silence` without a byte.
pub(crate) fn client(silence: Duration) -> Result<Client, reqwest::Error> {
    Client::builder()
        .user_agent(concat!("gateway-ota/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(silence)
        .tcp_nodelay(true)
        .redirect(Policy::limited(MOST_REDIRECTS))
        .build()
}

/// An address for people and logs: credentials and query, which may be secret, are left out.
pub(crate) fn shown(url: &Url) -> String {
    without_secrets(url).into()
}

/// An address without credentials and query.
pub(crate) fn without_secrets(url: &Url) -> Url {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // Only addresses without a host cannot have credentials; then there is nothing to take away.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url
}

/// Whether a later request may well be answered: the server is in trouble, asks for patience, or waited for us.
pub(crate) fn is_passing(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS)
}

/// What went wrong and why, for the log, without the address.
pub(crate) fn report(error: reqwest::Error) -> String {
    causes(&error.without_url())
}

#[cfg(test)]
mod tests {
    use super::shown;
    use url::Url;

    #[test]
    fn secrets_are_not_shown() {
        let url = Url::parse("https://gateway:secret@updates.example/targets/a?token=secret#x").unwrap();
        assert_eq!(shown(&url), "https://updates.example/targets/a");
        assert_eq!(shown(&Url::parse("file:///srv/r/").unwrap()), "file:///srv/r/");
    }
}
