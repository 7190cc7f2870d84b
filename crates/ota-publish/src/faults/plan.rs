//! What one answer will be: decided before a byte is sent.

use super::Fault;
use std::ops::Range;

/// How a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// Whole.
    Whole,
    /// Closed after so many bytes.
    Cut(u64),
    /// Silent after so many bytes.
    Stall(u64),
}

/// The answer to a request for a file that exists.
#[derive(Debug)]
pub(super) struct Plan {
    /// The request's `Range` header; none also when it is to be ignored.
    range: Option<String>,
    pub(super) status: Option<u16>,
    pub(super) reset: bool,
    pub(super) replacement: Option<Vec<u8>>,
    pub(super) flips: Vec<u64>,
    pub(super) new_entity_tag: bool,
    pub(super) bytes_per_second: Option<u64>,
    pub(super) ending: Ending,
    /// Length of the file as it is told, bytes.
    pub(super) length: u64,
}

/// The part of the file that is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    Whole,
    Some(Range<u64>),
    Unsatisfiable,
}

impl Plan {
    pub(super) fn new(range: Option<&str>, length: u64) -> Self {
        Self {
            range: range.map(str::to_owned),
            status: None,
            reset: false,
            replacement: None,
            flips: Vec::new(),
            new_entity_tag: false,
            bytes_per_second: None,
            ending: Ending::Whole,
            length,
        }
    }

    /// Adds a fault; returns whether it changes this answer.
    pub(super) fn apply(&mut self, fault: &Fault) -> bool {
        match fault {
            Fault::Status(status) => self.status = Some(*status),
            Fault::CutAt(offset) => {
                let body = self.body();
                if !(body.start < *offset && *offset < body.end) {
                    return false;
                }
                self.ending = Ending::Cut(offset - body.start);
            }
            Fault::CutAfter(count) => {
                let body = self.body();
                if body.end - body.start <= *count {
                    return false;
                }
                self.ending = Ending::Cut(*count);
            }
            Fault::Stall(count) => self.ending = Ending::Stall(*count),
            Fault::Reset => self.reset = true,
            Fault::Truncate(length) => self.length = self.length.min(*length),
            Fault::Flip(offset) => self.flips.push(*offset),
            Fault::Replace(content) => {
                self.length = content.len() as u64;
                self.replacement = Some(content.clone());
            }
            Fault::IgnoreRange => self.range = None,
            Fault::NewEntityTag => self.new_entity_tag = true,
            Fault::Throttle(speed) => self.bytes_per_second = Some((*speed).max(1)),
        }
        true
    }

    /// The range no longer counts: the file is not the one that the client has a part of.
    pub(super) fn ignore_range(&mut self) {
        self.range = None;
    }

    /// Resolves the range (RFC 9110, 14.1.2); what is not understood is ignored, as 14.2 says.
    pub(super) fn part(&self) -> Part {
        let Some((first, last)) = self
            .range
            .as_deref()
            .and_then(|range| range.strip_prefix("bytes="))
            .and_then(|range| range.trim().split_once('-'))
        else {
            return Part::Whole;
        };
        match (first.parse::<u64>(), last.parse::<u64>()) {
            (Ok(first), _) if first >= self.length => Part::Unsatisfiable,
            (Ok(first), Ok(last)) if last >= first => Part::Some(first..self.length.min(last + 1)),
            (Ok(first), Err(_)) if last.is_empty() => Part::Some(first..self.length),
            (Err(_), Ok(count)) if first.is_empty() && (count == 0 || self.length == 0) => {
                Part::Unsatisfiable
            }
            (Err(_), Ok(count)) if first.is_empty() => {
                Part::Some(self.length.saturating_sub(count)..self.length)
            }
            _ => Part::Whole,
        }
    }

    /// The bytes of the file that the body would have.
    fn body(&self) -> Range<u64> {
        match self.part() {
            Part::Whole => 0..self.length,
            Part::Some(range) => range,
            Part::Unsatisfiable => 0..0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Ending, Part, Plan};
    use crate::faults::Fault;

    #[test]
    fn ranges_resolve_as_the_standard_says() {
        let part = |range: &str| Plan::new(Some(range), 100).part();
        assert_eq!(part("bytes=0-"), Part::Some(0..100));
        assert_eq!(part("bytes=10-19"), Part::Some(10..20));
        assert_eq!(part("bytes=90-500"), Part::Some(90..100));
        assert_eq!(part("bytes=-5"), Part::Some(95..100));
        assert_eq!(part("bytes=100-"), Part::Unsatisfiable);
        assert_eq!(part("bytes=-0"), Part::Unsatisfiable);
        assert_eq!(part("bytes=20-10"), Part::Whole);
        assert_eq!(part("lines=1-2"), Part::Whole);
        assert_eq!(Plan::new(None, 100).part(), Part::Whole);
    }

    #[test]
    fn a_cut_at_an_offset_lets_a_resumed_download_pass() {
        let mut first = Plan::new(None, 100);
        assert!(first.apply(&Fault::CutAt(60)));
        assert_eq!(first.ending, Ending::Cut(60));
        let mut resumed = Plan::new(Some("bytes=60-"), 100);
        assert!(!resumed.apply(&Fault::CutAt(60)));
        assert_eq!(resumed.ending, Ending::Whole);
        let mut before = Plan::new(Some("bytes=50-"), 100);
        assert!(before.apply(&Fault::CutAt(60)));
        assert_eq!(before.ending, Ending::Cut(10));
    }
}
