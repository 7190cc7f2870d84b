//! What a request shows of its sender.

use super::Token;
use http::{HeaderMap, header};
use ota_api::routes::SESSION_COOKIE;

/// What was shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presented {
    Nothing,
    /// Something that cannot be a token.
    Nonsense,
    Token(Token),
}

/// `Authorization: Bearer` where there is an `Authorization` header, else the session's cookie.
#[must_use]
pub fn presented(headers: &HeaderMap) -> Presented {
    let text = match headers.get(header::AUTHORIZATION) {
        Some(value) => value.to_str().ok().and_then(bearer),
        None => match session_cookie(headers) {
            Some(text) => Some(text),
            None => return Presented::Nothing,
        },
    };
    text.and_then(Token::parse).map_or(Presented::Nonsense, Presented::Token)
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn session_cookie(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    cookies
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(name, value)| (name == SESSION_COOKIE).then_some(value))
        .filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(name: header::HeaderName, value: &str) -> Presented {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        presented(&headers)
    }

    #[test]
    fn cookie_and_bearer_are_read() {
        let token = Token::random();
        let cookie = format!("theme=dark; session_token={}; x", token.reveal());
        assert_eq!(shown(header::COOKIE, &cookie), Presented::Token(token.clone()));
        let bearer = format!("bearer {}", token.reveal());
        assert_eq!(shown(header::AUTHORIZATION, &bearer), Presented::Token(token));
        assert_eq!(shown(header::AUTHORIZATION, "Basic YTpi"), Presented::Nonsense);
        assert_eq!(shown(header::COOKIE, "session_token=x"), Presented::Nonsense);
        assert_eq!(shown(header::COOKIE, "a=b"), Presented::Nothing);
    }
}
