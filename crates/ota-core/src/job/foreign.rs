//! Jobs that a newer release saved, in a form that this one does not understand.
//!
//! After a rollback they are in the database. This release does nothing about them and says so: it does not work on them, does not
//! change them, and they keep nobody out at the gate, because nobody here could ever end them. That is safe as long as nothing is
//! taken for granted that only they could know. What an operation writes it marks bad first and reads back before it arms, and what
//! runs is never written. One thing is left: such a job may have put the very system that runs on trial.

use super::{JobState, Work};
use crate::SlotId;

/// A job of which only this is understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignJob {
    pub id: String,
    /// The word of its state, which may be one that this release does not have.
    pub state: String,
    /// None where it does not say one that this release knows.
    pub target: Option<SlotId>,
}

/// States in which a job has never made its slot next.
const BEFORE_ARMING: [&str; 7] =
    ["queued", "downloading", "verifying", "downloaded", "creating", "installing", "rolling"];

impl ForeignJob {
    /// Whether the system in `slot` may run on this job's trial, so that it is not proven. Where that cannot be told, it may.
    #[must_use]
    pub fn may_have_on_trial(&self, slot: SlotId) -> bool {
        !BEFORE_ARMING.contains(&self.state.as_str()) && self.target.is_none_or(|target| target == slot)
    }
}

impl JobState {
    /// The words of all states in the saved form.
    pub const NAMES: [&'static str; 15] = [
        "queued",
        "downloading",
        "verifying",
        "downloaded",
        "creating",
        "installing",
        "rolling",
        "awaiting_reboot",
        "held",
        "trial",
        "committed",
        "completed",
        "cancelled",
        "failed",
        "rolled_back",
    ];
}

impl Work {
    /// The members of a saved job that say what it is there for: each job has one of them.
    pub const MEMBERS: [&'static str; 6] = ["release", "upload", "restore", "rollback", "snapshot", "reset"];
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FactoryReset, FormerSystem};
    use serde::Deserialize;
    use serde::de::value::{Error, StrDeserializer};

    /// The variants that serde knows, from what it says about one that it does not.
    fn expected<'de, T: Deserialize<'de> + std::fmt::Debug>(unknown: &'de str) -> String {
        T::deserialize(StrDeserializer::<Error>::new(unknown)).unwrap_err().to_string()
    }

    #[test]
    fn the_words_are_those_of_the_saved_form() {
        let said = expected::<Work>("quantum");
        assert_eq!(said.matches('`').count(), 2 * (Work::MEMBERS.len() + 1), "{said}");
        assert!(Work::MEMBERS.iter().all(|name| said.contains(&format!("`{name}`"))), "{said}");
        let state = serde_json::from_value::<JobState>(serde_json::json!({ "state": "quantum" }));
        let said = state.unwrap_err().to_string();
        assert_eq!(said.matches('`').count(), 2 * (JobState::NAMES.len() + 1), "{said}");
        assert!(JobState::NAMES.iter().all(|name| said.contains(&format!("`{name}`"))), "{said}");
    }

    #[test]
    fn what_may_have_been_armed_may_be_on_trial() {
        let job = |state: &str, target| ForeignJob { id: "X-1".into(), state: state.into(), target };
        for state in ["trial", "awaiting_reboot", "held", "entangled"] {
            assert!(job(state, Some(SlotId::A)).may_have_on_trial(SlotId::A), "{state}");
            assert!(job(state, None).may_have_on_trial(SlotId::A), "{state}");
            assert!(!job(state, Some(SlotId::B)).may_have_on_trial(SlotId::A), "{state}");
        }
        for state in BEFORE_ARMING {
            assert!(JobState::NAMES.contains(&state));
            assert!(!job(state, None).may_have_on_trial(SlotId::A), "{state}");
        }
    }

    #[test]
    fn a_saved_kind_has_its_member() {
        let former = FormerSystem { version: "v1".into(), kernel: "6".into() };
        let reset = FactoryReset {
            wipe_data: false,
            reason: String::new(),
            version: "v1".into(),
            image: None,
            carried_out: false,
            withdrawn: None,
        };
        for (work, member) in [(Work::Rollback(former), "rollback"), (Work::Reset(reset), "reset")] {
            assert!(serde_json::to_value(work).unwrap().get(member).is_some());
        }
    }
}
