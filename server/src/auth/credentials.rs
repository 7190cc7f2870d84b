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

/// `Authorization: Bearer` and the session's cookie. Where a request shows two that are not the same, nobody can say whose it is.
#[must_use]
pub fn presented(headers: &HeaderMap) -> Presented {
    let authorizations = headers.get_all(header::AUTHORIZATION).iter();
    let bearers: Vec<_> = authorizations.map(|value| Token::parse(bearer(value.to_str().ok()?)?)).collect();
    let mut cookies: Vec<_> = session_cookies(headers).map(Token::parse).collect();
    if cookies.iter().any(Option::is_some) {
        // The others are those of another application on the same domain.
        cookies.retain(Option::is_some);
    }
    if bearers.len() > 1 {
        return Presented::Nonsense;
    }
    let mut shown = bearers.into_iter().chain(cookies);
    match shown.next() {
        None => Presented::Nothing,
        Some(Some(token)) if shown.all(|other| other.as_ref() == Some(&token)) => Presented::Token(token),
        Some(_) => Presented::Nonsense,
    }
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn session_cookies(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    cookies
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter_map(|(name, value)| (name == SESSION_COOKIE).then_some(value))
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

        let cookies = |one: &Token, other: &Token| {
            let (one, other) = (one.reveal(), other.reveal());
            format!("session_token={one}; session_token={other}")
        };
        assert_eq!(shown(header::COOKIE, &cookies(&one, &one)), Presented::Token(one.clone()));
        assert_eq!(shown(header::COOKIE, &cookies(&one, &other)), Presented::Nonsense);
        let foreign = format!("session_token=of.another.application; session_token={}", one.reveal());
        assert_eq!(shown(header::COOKIE, &foreign), Presented::Token(one));
    }
}
