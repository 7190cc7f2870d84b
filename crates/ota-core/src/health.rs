//! What a new system is asked during its trial, and what the answers come to.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What a check asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum CheckKind {
    /// The gateway's own database.
    Database,
    /// A web server.
    Http,
    /// A port that takes connections.
    Tcp,
    /// A unit of systemd.
    Systemd,
    /// A program of the site.
    Executable,
}

impl CheckKind {
    /// The word of the interface.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Http => "http",
            Self::Tcp => "tcp",
            Self::Systemd => "systemd",
            Self::Executable => "executable",
        }
    }
}

/// One check and how long it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckPlan {
    /// Differs from those of all other checks.
    pub name: String,
    pub kind: CheckKind,
    /// A required check that fails takes the new system back; of one that is only wanted people hear.
    pub required: bool,
    /// Time that it has from the beginning of the trial on.
    pub deadline: Duration,
    /// Pause between two attempts.
    pub interval: Duration,
    /// How often in a row it must go well to have passed; 0 counts as 1.
    pub times: u32,
}

/// How a check stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum CheckState {
    /// It is asked again until it passes or its time is up.
    Waiting,
    Passed,
    Failed,
}

impl CheckState {
    /// The word of the interface.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Passed => "passed",
            Self::Failed => "failed",
        }
    }
}

/// A check and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckReport {
    pub name: String,
    pub kind: CheckKind,
    pub required: bool,
    pub state: CheckState,
    /// What the last attempt complained of; none once it has passed.
    pub reason: Option<String>,
}

impl CheckReport {
    /// Name and complaint.
    fn complaint(&self) -> String {
        format!("{}: {}", self.name, self.reason.as_deref().unwrap_or("It has not answered."))
    }
}

/// What a trial comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrialVerdict {
    /// Every required check has passed, and every other one has passed or failed.
    Passed,
    /// A required check has failed: nobody waits for the rest.
    Failed { reason: String },
}

/// The checks of one trial. A check that has passed or failed stays so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrialChecks(Vec<Asked>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Asked {
    plan: CheckPlan,
    report: CheckReport,
    in_a_row: u32,
}

impl TrialChecks {
    /// Nothing has been asked yet.
    #[must_use]
    pub fn new(plans: impl IntoIterator<Item = CheckPlan>) -> Self {
        let waiting = |plan: CheckPlan| {
            let (name, kind, required) = (plan.name.clone(), plan.kind, plan.required);
            let report = CheckReport { name, kind, required, state: CheckState::Waiting, reason: None };
            Asked { plan, report, in_a_row: 0 }
        };
        Self(plans.into_iter().map(waiting).collect())
    }

    /// Takes in how an attempt of check number `index` ended, `elapsed` after the beginning of the trial: `None` when its time was up
    /// before it did. Returns the check when it has just passed or failed.
    pub fn answered(
        &mut self,
        index: usize,
        answer: Option<Result<(), String>>,
        elapsed: Duration,
    ) -> Option<&CheckReport> {
        let Asked { plan, report, in_a_row } = self.0.get_mut(index)?;
        if report.state != CheckState::Waiting {
            return None;
        }
        match answer {
            Some(Ok(())) => {
                *in_a_row = in_a_row.saturating_add(1);
                report.reason = None;
            }
            Some(Err(reason)) => (*in_a_row, report.reason) = (0, Some(reason)),
            None => {}
        }
        if *in_a_row >= plan.times.max(1) {
            report.state = CheckState::Passed;
        } else if elapsed >= plan.deadline {
            report.state = CheckState::Failed;
            if *in_a_row > 0 && report.reason.is_none() {
                report.reason = Some(format!("It went well {in_a_row} of {} times.", plan.times));
            }
        }
        (report.state != CheckState::Waiting).then_some(&*report)
    }

    /// Whether check number `index` is to be asked again.
    #[must_use]
    pub fn is_waiting(&self, index: usize) -> bool {
        self.0.get(index).is_some_and(|asked| asked.report.state == CheckState::Waiting)
    }

    /// What is left of the time of check number `index`.
    #[must_use]
    pub fn left(&self, index: usize, elapsed: Duration) -> Duration {
        self.0.get(index).map_or(Duration::ZERO, |asked| asked.plan.deadline.saturating_sub(elapsed))
    }

    /// Time until nothing is waited for any more.
    #[must_use]
    pub fn longest_left(&self, elapsed: Duration) -> Duration {
        let left =
            (0..self.0.len()).filter(|index| self.is_waiting(*index)).map(|index| self.left(index, elapsed));
        left.max().unwrap_or_default()
    }

    /// What the answers come to; `None` while that is open.
    #[must_use]
    pub fn verdict(&self) -> Option<TrialVerdict> {
        let failed = |report: &&CheckReport| report.required && report.state == CheckState::Failed;
        let complaints: Vec<_> = self.reports().filter(failed).map(CheckReport::complaint).collect();
        if !complaints.is_empty() {
            return Some(TrialVerdict::Failed { reason: complaints.join("; ") });
        }
        let open = self.reports().any(|report| report.state == CheckState::Waiting);
        (!open).then_some(TrialVerdict::Passed)
    }

    /// The checks as they stand.
    pub fn reports(&self) -> impl Iterator<Item = &CheckReport> {
        self.0.iter().map(|asked| &asked.report)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn plan(name: &str, required: bool, deadline: u64, times: u32) -> CheckPlan {
        let (deadline, interval) = (seconds(deadline), seconds(1));
        CheckPlan { name: name.into(), kind: CheckKind::Tcp, required, deadline, interval, times }
    }

    fn bad() -> Option<Result<(), String>> {
        Some(Err("No.".into()))
    }

    #[test]
    fn without_checks_a_trial_passes() {
        assert_eq!(TrialChecks::new([]).verdict(), Some(TrialVerdict::Passed));
    }

    #[test]
    fn a_check_is_asked_until_it_passes_and_then_stays_passed() {
        let mut trial = TrialChecks::new([plan("a", true, 10, 1)]);
        assert_eq!(trial.answered(0, bad(), seconds(1)), None);
        assert_eq!(trial.reports().next().unwrap().reason.as_deref(), Some("No."));
        assert_eq!((trial.verdict(), trial.is_waiting(0)), (None, true));
        assert_eq!(trial.answered(0, Some(Ok(())), seconds(2)).unwrap().state, CheckState::Passed);
        assert_eq!(trial.verdict(), Some(TrialVerdict::Passed));
        assert_eq!(trial.answered(0, bad(), seconds(30)), None);
        assert_eq!(trial.verdict(), Some(TrialVerdict::Passed));
    }

    #[test]
    fn the_first_required_one_that_fails_decides_and_nobody_waits_for_the_rest() {
        let mut trial = TrialChecks::new([plan("slow", true, 100, 1), plan("b", true, 5, 1)]);
        trial.answered(1, bad(), seconds(4));
        assert_eq!(trial.verdict(), None);
        trial.answered(1, bad(), seconds(5));
        assert_eq!(trial.verdict(), Some(TrialVerdict::Failed { reason: "b: No.".into() }));
        assert!(trial.is_waiting(0));
    }

    #[test]
    fn a_wanted_one_is_waited_for_and_does_not_decide() {
        let mut trial = TrialChecks::new([plan("a", true, 100, 1), plan("wanted", false, 8, 1)]);
        trial.answered(0, Some(Ok(())), seconds(1));
        assert_eq!((trial.verdict(), trial.longest_left(seconds(1))), (None, seconds(7)));
        let failed = trial.answered(1, None, seconds(8)).unwrap();
        assert_eq!(
            (failed.state, failed.complaint().as_str()),
            (CheckState::Failed, "wanted: It has not answered.")
        );
        assert_eq!(trial.verdict(), Some(TrialVerdict::Passed));
    }

    #[test]
    fn several_times_in_a_row_means_without_a_failure_in_between() {
        let mut trial = TrialChecks::new([plan("a", true, 100, 2)]);
        for (answer, passed) in
            [(Some(Ok(())), false), (bad(), false), (Some(Ok(())), false), (Some(Ok(())), true)]
        {
            assert_eq!(trial.answered(0, answer, seconds(1)).is_some(), passed);
        }
        let mut trial = TrialChecks::new([plan("a", true, 3, 3)]);
        trial.answered(0, Some(Ok(())), seconds(1));
        trial.answered(0, None, seconds(3));
        let reason = "a: It went well 1 of 3 times.".into();
        assert_eq!(trial.verdict(), Some(TrialVerdict::Failed { reason }));
    }
}
