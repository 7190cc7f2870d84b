//! The safety watch: takes in readings, keeps the verdict of the moment, tells of changes, and gives out clearances.

use ota_core::{
    Actor, Asker, Assessment, Blocked, Clearance, ConstraintId, Gate, Grant, Job, JobId, JobState, Phase,
    SafetyMonitor, Verdict,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{Event, Ota, OtaError};

/// Time between two looks at the sensors.
const ROUND: Duration = Duration::from_millis(250);
/// A constraint that flaps is told of at most this often.
const QUIET: Duration = Duration::from_secs(1);

/// A constraint that stays as it is is told of this often all the same: the age of its reading does change.
const REPEAT: Duration = Duration::from_secs(5);

/// What a listener was last told about a constraint.
struct Told {
    at: Duration,
    /// When a change was last told.
    changed: Duration,
    words: Words,
}

/// What makes a difference to people; a load figure that moves in its last digits does not.
#[derive(PartialEq)]
struct Words {
    blocking: bool,
    overridden: bool,
    status: String,
    level: Option<f64>,
}

impl Told {
    /// `words`, where they are to be told now.
    fn next(last: Option<&Self>, words: Words, now: Duration) -> Option<Self> {
        let (told, changed) = match last {
            Some(last) if last.words == words => (now.saturating_sub(last.at) >= REPEAT, last.changed),
            Some(last) => (now.saturating_sub(last.changed) >= QUIET, now),
            None => (true, now),
        };
        told.then_some(Self { at: now, changed, words })
    }
}

impl Words {
    fn of(assessment: &Assessment) -> Self {
        Self {
            blocking: assessment.is_blocking(),
            overridden: assessment.overridden,
            status: assessment.status.clone(),
            level: assessment.level.map(f64::round),
        }
    }
}

impl Ota {
    pub(crate) async fn watch_safety(self: Arc<Self>) {
        let mut told = BTreeMap::new();
        loop {
            self.sweep_override().await;
            self.look_again();
            self.tell_of_changes(&mut told);
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(ROUND) => {}
            }
        }
    }

    /// Puts the verdict and the override of this moment on show, and wakes those who wait for a change.
    pub(crate) fn look_again(&self) {
        let force = Arc::new(self.override_view());
        let now = self.parts.clock.boot();
        let verdict = Arc::new(self.observed().verdict(Phase::Start, force.grant.as_ref(), now));
        let may_start = verdict.is_clear() && !leans_on_bound(&verdict, force.grant.as_ref());
        self.update(|snapshot| {
            snapshot.may_start = may_start;
            snapshot.safety = Arc::clone(&verdict);
            snapshot.force = Arc::clone(&force);
        });
        self.safety_round.send_modify(|round| *round = round.wrapping_add(1));
    }

    fn tell_of_changes(&self, told: &mut BTreeMap<ConstraintId, Told>) {
        let now = self.parts.clock.boot();
        for assessment in &self.snapshot().safety.assessments {
            let words = Words::of(assessment);
            let Some(next) = Told::next(told.get(&assessment.constraint), words, now) else { continue };
            told.insert(assessment.constraint, next);
            self.tell(Event::Safety(assessment.clone()));
        }
    }

    /// Whether an operation may start. `further` is the job that goes on with it.
    ///
    /// # Errors
    /// [`OtaError::Blocked`].
    pub(crate) fn permit(&self, phase: Phase, asker: Asker<'_>) -> Result<(), OtaError> {
        let (grant, now) = (self.grant(asker), self.parts.clock.boot());
        let permitted = self.observed().verdict(phase, grant.as_ref(), now).permit();
        permitted.map_err(|blocked| OtaError::Blocked(blocked.0))
    }

    /// Whether `job` may go on. One that is held goes on only when things have been calm.
    pub(crate) fn may_go_on(&self, job: &Job, phase: Phase) -> Result<(), Blocked> {
        let (grant, now) = (self.grant(asker(job)), self.parts.clock.boot());
        let monitor = self.observed();
        let verdict = match job.state {
            JobState::Held { .. } => monitor.verdict_after_hold(phase, grant.as_ref(), now),
            _ => monitor.verdict(phase, grant.as_ref(), now),
        };
        verdict.permit()
    }

    /// The clearance of this very moment, from what the sources say now.
    pub(crate) fn clearance<G: Gate>(&self, asker: Asker<'_>) -> Result<Clearance<G>, Blocked> {
        let (grant, now) = (self.grant(asker), self.parts.clock.boot());
        self.observed().clearance(grant.as_ref(), now)
    }

    fn grant(&self, asker: Asker<'_>) -> Option<Grant> {
        self.overrides().serving(asker, self.parts.clock.boot()).cloned()
    }

    /// The monitor, with the latest readings taken in.
    fn observed(&self) -> MutexGuard<'_, SafetyMonitor> {
        let mut monitor = self.monitor.lock().unwrap_or_else(PoisonError::into_inner);
        monitor.observe(self.parts.sensors.latest(), self.parts.clock.boot());
        monitor
    }
}

/// As whom somebody asks who starts an operation, or takes `further` another step.
pub(crate) fn starter<'a>(actor: &Actor, further: Option<&'a JobId>) -> Asker<'a> {
    if actor.is_automatic() { Asker::Automatic } else { Asker::Person(further) }
}

/// Whether the verdict is clear only by an override that another operation has.
fn leans_on_bound(verdict: &Verdict, grant: Option<&Grant>) -> bool {
    let bound = grant.is_some_and(|grant| grant.operation.is_some());
    bound && verdict.assessments.iter().any(|a| a.overridden && a.is_blocking())
}

/// As whom a job asks for its verdicts.
pub(crate) fn asker(job: &Job) -> Asker<'_> {
    if job.actor.is_automatic() { Asker::Automatic } else { Asker::Job(&job.id) }
}

#[cfg(test)]
mod tests {
    use super::{Told, Words};
    use std::time::Duration;

    fn words(status: &str) -> Words {
        Words { blocking: status == "moving", overridden: false, status: status.to_owned(), level: None }
    }

    #[test]
    fn a_change_is_told_at_once_and_one_that_flaps_once_a_second() {
        let next =
            |last: Option<&Told>, status, at| Told::next(last, words(status), Duration::from_millis(at));
        let idle = next(None, "idle", 0).unwrap();
        assert!(next(Some(&idle), "idle", 4_999).is_none());
        let again = next(Some(&idle), "idle", 5_000).unwrap();
        let moving =
            next(Some(&again), "moving", 5_250).expect("that it was repeated a moment ago does not matter");
        assert!(next(Some(&moving), "idle", 6_249).is_none());
        assert!(next(Some(&moving), "idle", 6_250).is_some());
    }
}
