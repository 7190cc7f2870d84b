//! Interlocks: whether the machine beside the gateway lets an operation go on.
//!
//! The verdict is a pure function of readings and of time on the boot clock, which no wall-clock jump reaches. What is
//! unknown or stale blocks. The ports that arm a slot or reboot the gateway take a [`Clearance`], which only a clear
//! verdict gives out.

use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, str::FromStr, time::Duration};

/// The constraints of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConstraintId {
    CraneMotion,
    AcsCollision,
    UpsBattery,
    Network,
    SystemLoad,
}

impl ConstraintId {
    pub const ALL: [Self; 5] =
        [Self::CraneMotion, Self::AcsCollision, Self::UpsBattery, Self::Network, Self::SystemLoad];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CraneMotion => "crane_motion",
            Self::AcsCollision => "acs_collision",
            Self::UpsBattery => "ups_battery",
            Self::Network => "network",
            Self::SystemLoad => "system_load",
        }
    }
}

impl fmt::Display for ConstraintId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A constraint that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no safety constraint “{0}”")]
pub struct UnknownConstraint(pub String);

impl FromStr for ConstraintId {
    type Err = UnknownConstraint;
    fn from_str(name: &str) -> Result<Self, UnknownConstraint> {
        Self::ALL.into_iter().find(|id| id.as_str() == name).ok_or_else(|| UnknownConstraint(name.to_owned()))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConstraintState {
    Clear,
    Blocking,
    Unknown,
}

/// What a source last said about one constraint.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    pub constraint: ConstraintId,
    pub state: ConstraintState,
    /// The word shown as the constraint's status: `idle`, `moving`, `clear`, `risk`, `online`, `unknown` …
    pub status: String,
    /// The measured number, where there is one (battery in percent, load per core).
    pub level: Option<f64>,
    /// The limit that the number is held against.
    pub threshold: Option<f64>,
    /// Where it comes from, in words.
    pub source: String,
    /// One sentence for the technician; says what is wrong when it is not clear.
    pub reason: String,
    /// When it was measured, on the boot clock.
    pub at: Duration,
    /// Older than this it counts as unknown.
    pub max_age: Duration,
    /// How long after `at` it is expected to clear, where the source can say it.
    pub clears_in: Option<Duration>,
}

/// The point of an operation at which a verdict is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// A person or a schedule starts an operation: everything must be clear.
    Start,
    /// The inactive slot is written: power and load matter, a moving crane does not.
    Write,
    /// The slot is made next in the boot environment.
    Arm,
    /// The gateway goes down.
    Reboot,
}

impl Phase {
    /// The constraints that this phase asks about.
    #[must_use]
    pub const fn constraints(self) -> &'static [ConstraintId] {
        use ConstraintId as C;
        match self {
            Self::Start => &C::ALL,
            Self::Write => &[C::UpsBattery, C::SystemLoad],
            Self::Arm | Self::Reboot => &[C::CraneMotion, C::AcsCollision, C::UpsBattery],
        }
    }

    /// Whether the constraints must have been clear without a break for the configured time.
    const fn needs_calm(self) -> bool {
        matches!(self, Self::Arm | Self::Reboot)
    }
}

/// One constraint as it stands at the moment of a verdict.
#[derive(Debug, Clone, PartialEq)]
pub struct Assessment {
    pub constraint: ConstraintId,
    pub enabled: bool,
    pub state: ConstraintState,
    pub status: String,
    pub level: Option<f64>,
    pub threshold: Option<f64>,
    pub source: String,
    pub reason: String,
    pub age: Duration,
    /// When it is expected to stop blocking; `None` where nobody can say.
    pub estimated_clear: Option<Duration>,
}

impl Assessment {
    #[must_use]
    pub fn is_blocking(&self) -> bool {
        self.enabled && self.state != ConstraintState::Clear
    }
}

/// All constraints, assessed for one phase at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    pub phase: Phase,
    /// Every constraint, in the order of [`ConstraintId::ALL`].
    pub assessments: Vec<Assessment>,
}

/// The constraints that forbid a phase.
#[derive(Debug, Clone, PartialEq)]
pub struct Blocked(pub Vec<Assessment>);

/// Proof that the constraints of a phase were clear. Only [`Verdict::clearance`] makes one, and it cannot be copied: one
/// clearance, one act.
#[derive(Debug)]
pub struct Clearance {
    phase: Phase,
}

impl Clearance {
    #[must_use]
    pub const fn phase(&self) -> Phase {
        self.phase
    }
}

impl Verdict {
    /// The assessments that forbid the phase.
    pub fn blocking(&self) -> impl Iterator<Item = &Assessment> {
        let asked = self.phase.constraints();
        self.assessments.iter().filter(move |a| asked.contains(&a.constraint) && a.is_blocking())
    }

    #[must_use]
    pub fn is_clear(&self) -> bool {
        self.blocking().next().is_none()
    }

    /// Gives out the clearance for the phase.
    ///
    /// # Errors
    /// [`Blocked`] with every constraint that forbids it.
    pub fn clearance(self) -> Result<Clearance, Blocked> {
        let blocking: Vec<_> = self.blocking().cloned().collect();
        if blocking.is_empty() { Ok(Clearance { phase: self.phase }) } else { Err(Blocked(blocking)) }
    }
}

/// Keeps the latest reading of each constraint and since when it has been clear.
#[derive(Debug, Clone)]
pub struct SafetyMonitor {
    enabled: BTreeMap<ConstraintId, bool>,
    latest: BTreeMap<ConstraintId, Reading>,
    clear_since: BTreeMap<ConstraintId, Duration>,
    calm: Duration,
}

impl SafetyMonitor {
    /// `calm`: how long the constraints of arming and reboot must have been clear without a break.
    #[must_use]
    pub fn new(enabled: impl IntoIterator<Item = (ConstraintId, bool)>, calm: Duration) -> Self {
        let enabled = enabled.into_iter().collect();
        Self { enabled, latest: BTreeMap::new(), clear_since: BTreeMap::new(), calm }
    }

    /// Takes in what the sources say at `now` (boot clock).
    pub fn observe(&mut self, readings: impl IntoIterator<Item = Reading>, now: Duration) {
        for reading in readings {
            self.latest.insert(reading.constraint, reading);
        }
        for id in ConstraintId::ALL {
            match self.state(id, now) {
                ConstraintState::Clear => _ = self.clear_since.entry(id).or_insert(now),
                ConstraintState::Blocking | ConstraintState::Unknown => _ = self.clear_since.remove(&id),
            }
        }
    }

    /// Assesses every constraint for `phase` at `now` (boot clock).
    #[must_use]
    pub fn verdict(&self, phase: Phase, now: Duration) -> Verdict {
        let assessments = ConstraintId::ALL.into_iter().map(|id| self.assess(id, phase, now)).collect();
        Verdict { phase, assessments }
    }

    fn state(&self, id: ConstraintId, now: Duration) -> ConstraintState {
        match self.latest.get(&id) {
            Some(reading) if now.saturating_sub(reading.at) <= reading.max_age => reading.state,
            _ => ConstraintState::Unknown,
        }
    }

    fn assess(&self, id: ConstraintId, phase: Phase, now: Duration) -> Assessment {
        let enabled = self.enabled.get(&id).copied().unwrap_or(true);
        let Some(reading) = self.latest.get(&id) else {
            return Assessment {
                constraint: id,
                enabled,
                state: ConstraintState::Unknown,
                status: "unknown".to_owned(),
                level: None,
                threshold: None,
                source: "none".to_owned(),
                reason: "No reading has arrived yet.".to_owned(),
                age: Duration::ZERO,
                estimated_clear: None,
            };
        };
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
        };
        if age > reading.max_age {
            assessment.status = "unknown".to_owned();
            assessment.reason =
                format!("The last reading is {} s old: the source has fallen silent.", age.as_secs());
        }
        self.demand_calm(&mut assessment, phase, now);
        assessment
    }

    /// A constraint that has just become clear still blocks arming and reboot, until it has been clear for long enough.
    fn demand_calm(&self, assessment: &mut Assessment, phase: Phase, now: Duration) {
        if !phase.needs_calm() || assessment.state != ConstraintState::Clear {
            return;
        }
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

#[cfg(test)]
mod tests {
    use super::*;
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
        assert!(!monitor().verdict(Phase::Start, Duration::ZERO).is_clear());
    }

    #[test]
    fn a_stale_reading_blocks_and_says_so() {
        let mut monitor = monitor();
        monitor.observe(all(ConstraintState::Clear, Duration::ZERO), Duration::ZERO);
        let verdict = monitor.verdict(Phase::Start, Duration::from_secs(6));
        assert_eq!(verdict.blocking().count(), 5);
        assert!(verdict.assessments.iter().all(|a| a.status == "unknown" && a.reason.contains("6 s old")));
    }

    #[test]
    fn arming_waits_until_the_constraints_were_clear_for_long_enough() {
        let mut monitor = monitor();
        for second in 0..=30 {
            let now = Duration::from_secs(second);
            monitor.observe(all(ConstraintState::Clear, now), now);
            assert!(monitor.verdict(Phase::Start, now).is_clear());
            assert_eq!(monitor.verdict(Phase::Arm, now).is_clear(), second == 30, "{second}");
        }
        let verdict = monitor.verdict(Phase::Arm, Duration::from_secs(30));
        assert_eq!(verdict.clearance().map(|c| c.phase()).ok(), Some(Phase::Arm));
    }

    #[test]
    fn a_flap_starts_the_wait_again_and_the_rest_is_estimated() {
        let mut monitor = monitor();
        for second in 0..40 {
            let now = Duration::from_secs(second);
            let state = if second == 20 { ConstraintState::Blocking } else { ConstraintState::Clear };
            monitor.observe(all(state, now), now);
        }
        let verdict = monitor.verdict(Phase::Reboot, Duration::from_secs(39));
        let estimates: Vec<_> = verdict.blocking().filter_map(|a| a.estimated_clear).collect();
        assert_eq!(estimates, [Duration::from_secs(12); 3]);
    }

    #[test]
    fn a_disabled_constraint_is_shown_and_does_not_block() {
        let mut monitor = SafetyMonitor::new([(ConstraintId::CraneMotion, false)], CALM);
        let now = Duration::from_secs(1);
        monitor.observe(all(ConstraintState::Clear, now), now);
        monitor.observe([reading(ConstraintId::CraneMotion, ConstraintState::Blocking, now)], now);
        assert!(monitor.verdict(Phase::Start, now).is_clear());
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
                if monitor.verdict(Phase::Arm, now).clearance().is_ok() {
                    for (id, bad) in &last_bad { prop_assert!(now - *bad >= CALM, "{id} was bad {:?} ago", now - *bad); }
                }
            }
        }
    }
}
