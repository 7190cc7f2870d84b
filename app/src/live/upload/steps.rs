//! What the gateway is asked next, and what its answer means.

use crate::{json, strings::upload as t};
use ota_api::{ApiError, ErrorCode};

/// A request of an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    Begin,
    HowFar,
    /// Takes the file from this byte on.
    Take(u64),
    Verify,
}

impl Ask {
    /// `known` to the gateway, which has the bytes before `at` of `size`; none where it has to be asked.
    pub(super) const fn next(known: bool, at: Option<u64>, size: u64) -> Self {
        match at {
            _ if !known => Self::Begin,
            None => Self::HowFar,
            Some(offset) if offset < size => Self::Take(offset),
            Some(_) => Self::Verify,
        }
    }
}

/// What the gateway said.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Answer {
    /// 0 where it said nothing.
    pub(super) status: u16,
    /// Bytes that it has.
    pub(super) offset: Option<u64>,
    /// Its name of an upload that was begun.
    pub(super) id: Option<String>,
    pub(super) text: String,
}

/// Where a request has led to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The gateway has so many bytes.
    At(u64),
    Verified,
    /// Nothing was heard, or it has to be asked again how far it is.
    Again,
    /// The gateway has no such upload any more.
    Gone,
    /// What has come is kept.
    Stopped(String),
    /// Of an image that was looked at and refused nothing is kept.
    Refused(String),
    LoggedOut,
}

impl Step {
    pub(super) fn after(ask: Ask, answer: &Answer) -> Self {
        match (ask, answer.status) {
            (Ask::Begin, 201) => Self::At(0),
            (Ask::HowFar, 200) | (Ask::Take(_), 204) => answer.offset.map_or(Self::Again, Self::At),
            (Ask::Verify, 200) => Self::Verified,
            (Ask::HowFar | Ask::Take(_), 404) => Self::Gone,
            (Ask::Verify, 404 | 422) => Self::Refused(sentence(answer)),
            _ => Self::without(answer),
        }
    }

    /// What came of having the gateway forget an upload.
    pub(super) fn after_discard(answer: &Answer) -> Self {
        match answer.status {
            204 => Self::Gone,
            // It is the upload that is unknown, and not the gateway or the address.
            404 if failure(answer).is_some_and(|failure| failure.error.code == ErrorCode::NotFound) => {
                Self::Gone
            }
            _ => Self::without(answer),
        }
    }

    /// Where what was asked for did not happen.
    fn without(answer: &Answer) -> Self {
        match answer.status {
            // Nothing but the way is at fault, or somebody is not ready yet.
            0 | 408 | 409 | 502 | 503 | 504 => Self::Again,
            401 => Self::LoggedOut,
            _ => Self::Stopped(sentence(answer)),
        }
    }
}

fn sentence(answer: &Answer) -> String {
    failure(answer).map_or_else(|| t::BROKEN.to_owned(), |failure| failure.message)
}

fn failure(answer: &Answer) -> Option<ApiError> {
    json::read(answer.text.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::{Answer, Ask, Step, t};
    use ota_api::{ApiError, ErrorCode};

    /// A gateway that has everything, or what `lost` lets through of it.
    fn walked(mut known: bool, mut has: u64, lost: impl Fn(usize) -> bool) -> Vec<Ask> {
        let (mut asked, mut at) = (Vec::new(), None);
        loop {
            let ask = Ask::next(known, at, 10);
            asked.push(ask);
            let heard = !lost(asked.len());
            let (status, offset) = match ask {
                Ask::Begin => {
                    known = heard;
                    (201, None)
                }
                Ask::HowFar => (200, Some(has)),
                Ask::Take(from) => {
                    assert_eq!(from, has, "it begins where the gateway ends");
                    has = if heard { 10 } else { from + 3 };
                    (204, Some(has))
                }
                Ask::Verify => (200, None),
            };
            let answer =
                if heard { Answer { status, offset, ..Answer::default() } } else { Answer::default() };
            at = match Step::after(ask, &answer) {
                Step::At(offset) => Some(offset),
                Step::Verified => return asked,
                Step::Again => None,
                other => panic!("{other:?}"),
            };
        }
    }

    #[test]
    fn it_goes_on_where_the_gateway_is() {
        use Ask::{Begin, HowFar, Take, Verify};
        assert_eq!(walked(false, 0, |_| false), [Begin, Take(0), Verify]);
        assert_eq!(walked(true, 4, |_| false), [HowFar, Take(4), Verify]);
        let cut = [Begin, Begin, Take(0), HowFar, HowFar, Take(3), HowFar, Take(6), Verify, HowFar, Verify];
        assert_eq!(walked(false, 0, |request| [1, 3, 4, 6, 9].contains(&request)), cut);
    }

    #[test]
    fn refusals_are_told_apart_from_bad_lines() {
        let text =
            serde_json::to_string(&ApiError::new(ErrorCode::OtaSignatureFailed, "Not signed.")).unwrap();
        let after =
            |ask, status| Step::after(ask, &Answer { status, text: text.clone(), ..Answer::default() });
        assert_eq!(after(Ask::Verify, 422), Step::Refused("Not signed.".into()));
        assert_eq!(after(Ask::Begin, 507), Step::Stopped("Not signed.".into()));
        assert_eq!(after(Ask::Take(3), 404), Step::Gone);
        assert_eq!(after(Ask::Take(3), 409), Step::Again);
        assert_eq!(after(Ask::HowFar, 401), Step::LoggedOut);
        let silent = Answer { status: 500, ..Answer::default() };
        assert_eq!(Step::after(Ask::Verify, &silent), Step::Stopped(t::BROKEN.into()));
    }

    #[test]
    fn an_upload_is_gone_when_the_gateway_says_so() {
        let after = |status, code| {
            let text = serde_json::to_string(&ApiError::new(code, "No.")).unwrap();
            Step::after_discard(&Answer { status, text, ..Answer::default() })
        };
        let silent = Answer { status: 204, ..Answer::default() };
        assert_eq!(Step::after_discard(&silent), Step::Gone);
        assert_eq!(after(404, ErrorCode::NotFound), Step::Gone);
        assert_eq!(after(404, ErrorCode::GatewayNotFound), Step::Stopped("No.".into()), "another gateway");
        assert_eq!(after(409, ErrorCode::OtaOperationInProgress), Step::Again);
        assert_eq!(Step::after_discard(&Answer::default()), Step::Again);
        assert_eq!(after(401, ErrorCode::Unauthorized), Step::LoggedOut);
        assert_eq!(after(403, ErrorCode::Forbidden), Step::Stopped("No.".into()), "it is said why");
    }
}
