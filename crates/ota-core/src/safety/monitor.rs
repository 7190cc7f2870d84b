//! The latest reading of each constraint, since when it has been clear, and the verdict that follows.

use super::{
    Assessment, Blocked, Clearance, ConstraintId, ConstraintState, Gate, Grant, Phase, Reading, Verdict,
};
use std::{collections::BTreeMap, time::Duration};

/// Keeps the latest reading of each constraint and since when it has been clear.
#[derive(Debug, Clone)]
pub struct SafetyMonitor {
    enabled: BTreeMap<ConstraintId, bool>,
    latest: BTreeMap<ConstraintId, Reading>,
    clear_since: BTreeMap<ConstraintId, Duration>,
    calm: Duration,
}

/// What a constraint has to show to count as clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Demand {
    /// To be clear now.
    Now,
    /// To have been clear without a break for the configured time.
    Calm,
}

impl SafetyMonitor {
    /// `calm`: how long constraints must have been clear without a break where that is asked for.
    #[must_use]
    pub fn new(enabled: impl IntoIterator<Item = (ConstraintId, bool)>, calm: Duration) -> Self {
        let enabled = enabled.into_iter().collect();
        Self { enabled, latest: BTreeMap::new(), clear_since: BTreeMap::new(), calm }
    }

    /// Takes in what the sources say at `now` (boot clock).
    pub fn observe(&mut self, readings: impl IntoIterator<Item = Reading>, now: Duration) {
        for reading in readings {
            let (id, at) = (reading.constraint, reading.at);
            // Silence that nobody looked at while it lasted is a break all the same.
            let old = self.latest.insert(id, reading);
            if old.is_some_and(|old| at.saturating_sub(old.at) > old.max_age) {
                self.clear_since.remove(&id);
            }
        }
        for id in ConstraintId::ALL {
            match self.state(id, now) {
                ConstraintState::Clear => _ = self.clear_since.entry(id).or_insert(now),
                ConstraintState::Blocking | ConstraintState::Unknown => _ = self.clear_since.remove(&id),
            }
        }
    }

    /// Assesses every constraint for `phase` at `now` (boot clock). `grant` is the override that counts for whoever asks.
    #[must_use]
    pub fn verdict(&self, phase: Phase, grant: Option<&Grant>, now: Duration) -> Verdict {
        let demand = if phase.needs_calm() { Demand::Calm } else { Demand::Now };
        self.judge(phase, demand, grant, now)
    }

    /// The verdict for an operation that was held before `phase`: it goes on when things have been calm, not at the first
    /// clear moment.
    #[must_use]
    pub fn verdict_after_hold(&self, phase: Phase, grant: Option<&Grant>, now: Duration) -> Verdict {
        self.judge(phase, Demand::Calm, grant, now)
    }

    /// Gives out the clearance for an act.
    ///
    /// # Errors
    /// [`Blocked`] with every constraint that forbids it.
    pub fn clearance<G: Gate>(&self, grant: Option<&Grant>, now: Duration) -> Result<Clearance<G>, Blocked> {
        self.verdict(G::PHASE, grant, now).permit()?;
        Ok(Clearance::new(now))
    }

    fn judge(&self, phase: Phase, demand: Demand, grant: Option<&Grant>, now: Duration) -> Verdict {
        let overridden = |id| grant.is_some_and(|grant| now < grant.ends && grant.constraints.contains(&id));
        let assess = |id| Assessment { overridden: overridden(id), ..self.assess(id, demand, now) };
        Verdict { phase, assessments: ConstraintId::ALL.into_iter().map(assess).collect() }
    }

    fn state(&self, id: ConstraintId, now: Duration) -> ConstraintState {
        match self.latest.get(&id) {
            Some(reading) if now.saturating_sub(reading.at) <= reading.max_age => reading.state,
            _ => ConstraintState::Unknown,
        }
    }

    fn assess(&self, id: ConstraintId, demand: Demand, now: Duration) -> Assessment {
        let enabled = self.enabled.get(&id).copied().unwrap_or(true);
        let Some(reading) = self.latest.get(&id) else { return never_read(id, enabled) };
        let age = now.saturating_sub(reading.at);
        let mut assessment = Assessment {
            constraint: id,
            enabled,
            state: self.state(id, now),
            status: reading.status.clone(),
            level: reading.level,
            threshold: reading.threshold,
            source: reading.source.clone(),
            reason: reading.reason.clone(),
            age,
            estimated_clear: None,
            overridden: false,
        };
        if assessment.state == ConstraintState::Blocking {
            let calm = if demand == Demand::Calm { self.calm } else { Duration::ZERO };
            assessment.estimated_clear = reading.clears_in.map(|time| time.saturating_sub(age) + calm);
        }
        if age > reading.max_age {
            assessment.status = "unknown".to_owned();
            assessment.reason =
                format!("The last reading is {} s old: the source has fallen silent.", age.as_secs());
        }
        if demand == Demand::Calm && assessment.state == ConstraintState::Clear {
            self.demand_calm(&mut assessment, now);
        }
        assessment
    }

    /// A constraint that has just become clear still blocks, until it has been clear for long enough.
    fn demand_calm(&self, assessment: &mut Assessment, now: Duration) {
        let clear_for =
            self.clear_since.get(&assessment.constraint).map_or(Duration::ZERO, |s| now.saturating_sub(*s));
        let missing = self.calm.saturating_sub(clear_for);
        if !missing.is_zero() {
            assessment.state = ConstraintState::Blocking;
            assessment.estimated_clear = Some(missing);
            assessment.reason = format!(
                "Clear for {} s; must stay clear for {} s.",
                clear_for.as_secs(),
                self.calm.as_secs()
            );
        }
    }
}

fn never_read(constraint: ConstraintId, enabled: bool) -> Assessment {
    Assessment {
        constraint,
        enabled,
        state: ConstraintState::Unknown,
        status: "unknown".to_owned(),
        level: None,
        threshold: None,
        source: "none".to_owned(),
        reason: "No reading has arrived yet.".to_owned(),
        age: Duration::ZERO,
        estimated_clear: None,
        overridden: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ArmGate;
    use proptest::prelude::*;

    const CALM: Duration = Duration::from_secs(30);

    fn reading(constraint: ConstraintId, state: ConstraintState, at: Duration) -> Reading {
        Reading {
            constraint,
            state,
            status: "x".into(),
            level: None,
            threshold: None,
            source: "test".into(),
            reason: String::new(),
            at,
            max_age: Duration::from_secs(5),
            clears_in: None,
        }
    }

    fn all(state: ConstraintState, at: Duration) -> Vec<Reading> {
        ConstraintId::ALL.map(|id| reading(id, state, at)).into()
    }

    fn monitor() -> SafetyMonitor {
        SafetyMonitor::new([], CALM)
    }

    #[test]
    fn what_was_never_read_blocks() {
        assert!(!monitor().verdict(Phase::Start, None, Duration::ZERO).is_clear());
    }

    #[test]
    fn a_stale_reading_blocks_and_says_so() {
        let mut monitor = monitor();
        monitor.observe(all(ConstraintState::Clear, Duration::ZERO), Duration::ZERO);
        let verdict = monitor.verdict(Phase::Start, None, Duration::from_secs(6));
        assert_eq!(verdict.blocking().count(), 5);
        assert!(verdict.assessments.iter().all(|a| a.status == "unknown" && a.reason.contains("6 s old")));
    }

    #[test]
    fn arming_waits_until_the_constraints_were_clear_for_long_enough() {
        let mut monitor = monitor();
        for second in 0..=30 {
            let now = Duration::from_secs(second);
            monitor.observe(all(ConstraintState::Clear, now), now);
            assert!(monitor.verdict(Phase::Start, None, now).is_clear());
            assert_eq!(monitor.verdict(Phase::Arm, None, now).is_clear(), second == 30, "{second}");
        }
        assert!(monitor.clearance::<ArmGate>(None, Duration::from_secs(30)).is_ok());
    }

    #[test]
    fn a_flap_starts_the_wait_again_and_the_rest_is_estimated() {
        let mut monitor = monitor();
        for second in 0..40 {
            let now = Duration::from_secs(second);
            let state = if second == 20 { ConstraintState::Blocking } else { ConstraintState::Clear };
            monitor.observe(all(state, now), now);
        }
        let verdict = monitor.verdict(Phase::Reboot, None, Duration::from_secs(39));
        let estimates: Vec<_> = verdict.blocking().filter_map(|a| a.estimated_clear).collect();
        assert_eq!(estimates, [Duration::from_secs(12); 3]);
    }

    #[test]
    fn silence_between_two_looks_starts_the_wait_again() {
        let mut monitor = monitor();
        monitor.observe(all(ConstraintState::Clear, Duration::ZERO), Duration::ZERO);
        let now = Duration::from_secs(40);
        monitor.observe(all(ConstraintState::Clear, now), now);
        assert!(monitor.verdict(Phase::Start, None, now).is_clear());
        assert!(!monitor.verdict(Phase::Arm, None, now).is_clear());
    }

    #[test]
    fn a_source_that_knows_when_it_clears_is_believed_and_the_calm_comes_on_top() {
        let mut monitor = monitor();
        let clears_in = Some(Duration::from_secs(90));
        let moving = reading(ConstraintId::CraneMotion, ConstraintState::Blocking, Duration::ZERO);
        monitor.observe([Reading { clears_in, ..moving }], Duration::ZERO);
        let estimate = |phase| {
            let verdict = monitor.verdict(phase, None, Duration::from_secs(2));
            verdict.assessments.iter().find_map(|a| a.estimated_clear)
        };
        assert_eq!(estimate(Phase::Start), Some(Duration::from_secs(88)));
        assert_eq!(estimate(Phase::Arm), Some(Duration::from_secs(118)));
    }

    #[test]
    fn a_disabled_constraint_is_shown_and_does_not_block() {
        let mut monitor = SafetyMonitor::new([(ConstraintId::CraneMotion, false)], CALM);
        let now = Duration::from_secs(1);
        monitor.observe(all(ConstraintState::Clear, now), now);
        monitor.observe([reading(ConstraintId::CraneMotion, ConstraintState::Blocking, now)], now);
        assert!(monitor.verdict(Phase::Start, None, now).is_clear());
    }

    #[test]
    fn what_was_held_goes_on_after_the_calm_and_not_at_the_first_clear_moment() {
        let mut monitor = monitor();
        monitor.observe(all(ConstraintState::Clear, Duration::ZERO), Duration::ZERO);
        assert!(monitor.verdict(Phase::Write, None, Duration::ZERO).is_clear());
        assert!(!monitor.verdict_after_hold(Phase::Write, None, Duration::ZERO).is_clear());
        for second in 1..=30 {
            let now = Duration::from_secs(second);
            monitor.observe(all(ConstraintState::Clear, now), now);
        }
        assert!(monitor.verdict_after_hold(Phase::Write, None, CALM).is_clear());
    }

    #[test]
    fn an_override_takes_its_constraints_out_of_the_verdict_until_its_last_moment() {
        let mut monitor = monitor();
        let now = Duration::from_secs(40);
        for second in 0..=40 {
            let now = Duration::from_secs(second);
            monitor.observe(all(ConstraintState::Clear, now), now);
        }
        monitor.observe([reading(ConstraintId::CraneMotion, ConstraintState::Unknown, now)], now);
        let grant = Grant {
            constraints: [ConstraintId::CraneMotion].into(),
            by: "admin".into(),
            confirmed_by: None,
            reason: "the sensor is broken".into(),
            ends: now + Duration::from_secs(1),
            operation: None,
        };
        assert!(monitor.clearance::<ArmGate>(None, now).is_err());
        assert!(monitor.clearance::<ArmGate>(Some(&grant), now).is_ok());
        let verdict = monitor.verdict(Phase::Arm, Some(&grant), now);
        let crane = verdict.assessments.iter().find(|a| a.constraint == ConstraintId::CraneMotion);
        assert!(crane.is_some_and(|a| a.overridden && a.is_blocking()), "it is shown as it is");
        assert!(monitor.clearance::<ArmGate>(Some(&grant), grant.ends).is_err());
    }

    proptest! {
        /// Whatever the sources say in whatever order: a clearance to arm or reboot is never given while a constraint that
        /// it asks about blocked, was unknown or was stale within the calm time.
        #[test]
        fn no_clearance_after_a_recent_block(trace in prop::collection::vec((0usize..5, 0u8..3, 0u64..8), 1..120)) {
            let mut monitor = monitor();
            let mut now = Duration::ZERO;
            let mut last_bad = BTreeMap::new();
            for id in Phase::Arm.constraints() { last_bad.insert(*id, now); }
            for (which, state, pause) in trace {
                now += Duration::from_secs(pause);
                let id = ConstraintId::ALL[which];
                let state = [ConstraintState::Clear, ConstraintState::Blocking, ConstraintState::Unknown][state as usize];
                monitor.observe([reading(id, state, now)], now);
                for id in Phase::Arm.constraints() {
                    let fresh = monitor.latest.get(id).is_some_and(|r| now - r.at <= r.max_age && r.state == ConstraintState::Clear);
                    if !fresh { last_bad.insert(*id, now); }
                }
                if monitor.clearance::<ArmGate>(None, now).is_ok() {
                    for (id, bad) in &last_bad { prop_assert!(now - *bad >= CALM, "{id} was bad {:?} ago", now - *bad); }
                }
            }
        }
    }
}
