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

/// `Authorization: Bearer` and the session's cookie. Where a request shows both, and they are not the same, nobody can say whose it is.
#[must_use]
pub fn presented(headers: &HeaderMap) -> Presented {
    let mut authorizations = headers.get_all(header::AUTHORIZATION).iter();
    let authorization = authorizations.next().map(|value| value.to_str().ok().and_then(bearer));
    let shown = match (authorization, session_cookie(headers)) {
        _ if authorizations.next().is_some() => None,
        (None, None) => return Presented::Nothing,
        (None, cookie) => cookie,
        (Some(bearer), None) => bearer,
        (Some(bearer), cookie) => bearer.filter(|_| bearer == cookie),
    };
    shown.and_then(Token::parse).map_or(Presented::Nonsense, Presented::Token)
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

    #[test]
    fn two_sessions_at_once_are_nobodys() {
        let (one, other) = (Token::random(), Token::random());
        let both = |bearer: &Token, cookie: &Token| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, format!("Bearer {}", bearer.reveal()).parse().unwrap());
            headers.insert(header::COOKIE, format!("session_token={}", cookie.reveal()).parse().unwrap());
            headers
        };
        assert_eq!(presented(&both(&one, &one)), Presented::Token(one.clone()));
        let mut headers = both(&one, &other);
        assert_eq!(presented(&headers), Presented::Nonsense);
        headers.remove(header::COOKIE);
        assert_eq!(presented(&headers), Presented::Token(one.clone()));
        headers.append(header::AUTHORIZATION, format!("Bearer {}", one.reveal()).parse().unwrap());
        assert_eq!(presented(&headers), Presented::Nonsense);
    }
}
