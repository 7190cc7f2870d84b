//! An override that is in force.

use super::ConstraintId;
use crate::JobId;
use std::{collections::BTreeSet, time::Duration};

/// Somebody answers for constraints that do not count for one operation, for a short time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    pub constraints: BTreeSet<ConstraintId>,
    /// Who enabled it.
    pub by: String,
    /// The second person, where the site demands one.
    pub confirmed_by: Option<String>,
    pub reason: String,
    /// On the boot clock; from then on it covers nothing.
    pub ends: Duration,
    /// The operation that it serves; none until the next one starts.
    pub operation: Option<JobId>,
}

/// Who asks for a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asker<'a> {
    /// Somebody who wants to start an operation, or to take this one further.
    Person(Option<&'a JobId>),
    /// An operation that a person started.
    Job(&'a JobId),
    /// A schedule, or what a schedule started: it never has an override.
    Automatic,
    /// Whoever wants to see how things stand.
    Reader,
}

impl Grant {
    /// Whether it counts for `asker` at `now` (boot clock).
    #[must_use]
    pub fn serves(&self, asker: Asker<'_>, now: Duration) -> bool {
        now < self.ends
            && match asker {
                Asker::Person(further) => self.operation.as_ref().is_none_or(|id| further == Some(id)),
                Asker::Job(id) => self.operation.as_ref() == Some(id),
                Asker::Automatic => false,
                Asker::Reader => true,
            }
    }
}
