//! The strategy `rolling`: the components of a bundle one after the other, the system last.
//!
//! ```text
//! Plan ─▶ Write ─▶ ReadBack ─▶ Ready ─▶ Activate ─▶ Check ─▶ next component … ─▶ the system's slot, or the end
//!                                          └──────────┴─▶ PutBack ─▶ Failed
//! ```
//!
//! Each turn works on one component: it is written into the place that is not current, read back, made current and activated, and has
//! to pass its checks before the next turn begins. One that does not is put back, and the job ends; those before it stay as they are.

use super::{
    Booted, Denied, Effect, Failure, FailureCode, HoldPoint, InstallStep, Job, JobEvent, JobState, Strategy,
    WINDOW,
};
use crate::{Phase, ROOT_CLASS};
use serde::{Deserialize, Serialize};
use std::fmt;

/// One of the two places of a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ComponentPlace {
    A,
    B,
}

impl ComponentPlace {
    pub const ALL: [Self; 2] = [Self::A, Self::B];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
        }
    }

    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

impl fmt::Display for ComponentPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a place of a component holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComponentVersion {
    pub version: String,
    pub place: ComponentPlace,
}

/// Which system of a component runs, as far as a rolling installation has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum TurnState {
    /// The one that was there before.
    Old,
    /// The one of the bundle; it has passed its checks.
    New,
    /// The one that was there before, again.
    PutBack,
}

/// The turn of one component in a rolling installation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComponentTurn {
    /// Slot class of the image.
    pub name: String,
    /// What was current before; none where nothing was.
    pub from: Option<ComponentVersion>,
    /// The place that is written: never the one that was current.
    pub into: ComponentPlace,
    pub state: TurnState,
}

/// The steps of a turn, in their order. Between them the state is durable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TurnStep {
    /// The turns are put in order, before the first of them.
    Plan,
    /// The image goes into the place that is not current.
    Write,
    /// The place is read past the page cache and compared with the signed hash.
    ReadBack,
    /// Proven; it waits for the machine to be still.
    Ready,
    /// The place becomes current, and the component's command is run.
    Activate,
    /// The component has to pass its checks.
    Check,
    /// The former place becomes current again, and the command is run again.
    PutBack { reason: String },
}

impl TurnStep {
    /// The phase whose verdict is waited for before the step, or before the one that follows.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        match self {
            Self::Plan | Self::Write | Self::ReadBack => Phase::Write,
            Self::Ready | Self::Activate | Self::Check | Self::PutBack { .. } => Phase::Arm,
        }
    }

    /// The word of the interface for what is held before it.
    pub(super) const fn held(&self) -> &'static str {
        match self {
            Self::Plan | Self::Write | Self::ReadBack => "write_component",
            Self::Ready | Self::Activate | Self::Check => "activate_component",
            Self::PutBack { .. } => "put_back_component",
        }
    }

    /// Whether the component may be another one than before, and is not decided about yet.
    #[must_use]
    pub const fn is_switched(&self) -> bool {
        matches!(self, Self::Activate | Self::Check | Self::PutBack { .. })
    }

    const fn operation(&self) -> &'static str {
        match self {
            Self::Plan => "planning",
            Self::Write => "writing",
            Self::ReadBack => "verifying",
            Self::Ready | Self::Activate => "activating",
            Self::Check => "checking",
            Self::PutBack { .. } => "putting_back",
        }
    }

    /// How much of a turn is behind it, and the share of the step itself: fractions of 1.
    pub(crate) const fn share(&self) -> (f64, f64) {
        match self {
            Self::Plan => (0.0, 0.0),
            Self::Write => (0.0, 0.5),
            Self::ReadBack => (0.5, 0.3),
            Self::Ready | Self::Activate => (0.8, 0.0),
            Self::Check | Self::PutBack { .. } => (0.9, 0.0),
        }
    }
}

type Next = (JobState, Option<Effect>);

const fn rolling(turn: usize, step: TurnStep) -> JobState {
    JobState::Rolling { turn, step }
}

impl Job {
    /// How it was ordered to be installed.
    #[must_use]
    pub fn strategy(&self) -> Strategy {
        self.order.map(|order| order.strategy).unwrap_or_default()
    }

    /// The turn that the job is at, and its step.
    #[must_use]
    pub const fn turn(&self) -> Option<(usize, &TurnStep)> {
        match &self.state {
            JobState::Rolling { turn, step }
            | JobState::Held { at: HoldPoint::Component { turn, step }, .. } => Some((*turn, step)),
            _ => None,
        }
    }

    /// Whether components come first: they were ordered one by one, and have not all had their turn.
    pub(super) fn has_turns_left(&self) -> bool {
        let done = |turns: &Vec<ComponentTurn>| turns.iter().all(|turn| turn.state == TurnState::New);
        self.strategy() == Strategy::Rolling && !self.turns.as_ref().is_some_and(done)
    }

    /// Whether a slot is, or may be, what the job leaves changed.
    #[must_use]
    pub fn has_come_to_slot(&self) -> bool {
        let has_root = self.bundle.as_ref().is_none_or(|bundle| bundle.has_root());
        !self.has_turns_left() && has_root
    }

    pub(super) fn first_turn(&self) -> Next {
        match &self.turns {
            None => (rolling(0, TurnStep::Plan), Some(Effect::PlanComponents)),
            Some(_) => self.next_turn(),
        }
    }

    fn next_turn(&self) -> Next {
        let turns = self.turns.as_deref().unwrap_or_default();
        if let Some(turn) = turns.iter().position(|turn| turn.state == TurnState::Old) {
            return (rolling(turn, TurnStep::Write), Some(Effect::AwaitClear(Phase::Write)));
        }
        if self.bundle.as_ref().is_some_and(|bundle| bundle.has_root()) {
            let step = InstallStep::MarkBad;
            return (JobState::Installing { step }, Some(Effect::AwaitClear(Phase::Write)));
        }
        (JobState::Committed, None)
    }

    /// What an event means to a job that is at a step of a turn.
    pub(super) fn advance_turn(
        &mut self,
        turn: usize,
        step: TurnStep,
        event: JobEvent,
    ) -> Result<Next, Denied> {
        use {JobEvent as E, TurnStep as Step};
        let held = matches!(self.state, JobState::Held { .. });
        Ok(match (held, step, event) {
            (false, Step::Plan, E::Planned(turns)) => {
                self.turns = Some(turns);
                self.next_turn()
            }
            (_, Step::Write, E::Cleared) => (rolling(turn, Step::Write), Some(Effect::WriteComponent)),
            (false, Step::Write, E::Written) => {
                (rolling(turn, Step::ReadBack), Some(Effect::ReadBackComponent))
            }
            (false, Step::ReadBack, E::ReadBackMatched) => {
                (rolling(turn, Step::Ready), Some(Effect::AwaitClear(Phase::Arm)))
            }
            (_, Step::Ready, E::WindowClosed) => {
                let at = HoldPoint::Component { turn, step: Step::Ready };
                (JobState::Held { at, reasons: vec![WINDOW.to_owned()] }, None)
            }
            (true, Step::Ready, E::RebootOrdered { by, until }) if self.state.awaits_window() => {
                if until.is_none() {
                    // Whoever lets a component go on has not been asked about the restart after it.
                    self.order = self.order.map(|order| super::InstallOrder { reboot_after: false, ..order });
                }
                self.answer(by, until);
                (rolling(turn, Step::Ready), Some(Effect::AwaitClear(Phase::Arm)))
            }
            // The intent is durable before the switch.
            (_, Step::Ready, E::Cleared) => (rolling(turn, Step::Activate), Some(Effect::ActivateComponent)),
            (false, Step::Activate, E::Activated) => {
                (rolling(turn, Step::Check), Some(Effect::CheckComponent))
            }
            (false, Step::Check, E::HealthPassed(checks)) => {
                self.checks = checks;
                self.end_turn(turn, TurnState::New);
                self.next_turn()
            }
            (false, Step::Check, E::HealthFailed { reason, checks }) => {
                self.checks = checks;
                put_back(turn, reason)
            }
            (_, step @ Step::PutBack { .. }, E::Cleared) => {
                (rolling(turn, step), Some(Effect::PutBackComponent))
            }
            (false, Step::PutBack { reason }, E::PutBack { complaint }) => {
                self.end_turn(turn, TurnState::PutBack);
                (JobState::Failed { failure: self.put_back_failure(turn, &reason, complaint) }, None)
            }
            (_, step @ (Step::Write | Step::Ready | Step::PutBack { .. }), E::GateClosed { reasons }) => {
                hold(turn, step, reasons)
            }
            // Nothing has been switched.
            (false, Step::Activate, E::GateClosed { reasons }) => hold(turn, Step::Ready, reasons),
            (_, _, event) => {
                return Err(Denied::OutOfOrder { state: self.state.name(), event: event.name() });
            }
        })
    }

    /// A step of a turn failed: what may have been switched is put back.
    pub(super) fn fail_turn(&self, turn: usize, step: TurnStep, failure: Failure) -> Next {
        match step {
            TurnStep::Activate | TurnStep::Check => put_back(turn, failure.message),
            // Until it is done: no component is left undecided.
            step @ TurnStep::PutBack { .. } => hold(turn, step, vec![failure.message]),
            _ => (JobState::Failed { failure }, None),
        }
    }

    /// What a start of the service means to a turn.
    pub(super) fn reconcile_turn(&self, turn: usize, step: TurnStep, booted: Booted) -> Next {
        use TurnStep as Step;
        let name = self.turn_name(turn);
        match step {
            Step::Plan => (rolling(turn, Step::Plan), Some(Effect::PlanComponents)),
            // What was half written is written again from the start.
            Step::Write | Step::ReadBack => {
                (rolling(turn, Step::Write), Some(Effect::AwaitClear(Phase::Write)))
            }
            // Nobody can say what happened to it meanwhile.
            Step::Ready => (rolling(turn, Step::ReadBack), Some(Effect::ReadBackComponent)),
            // It may have brought the gateway down, and is not tried again by itself.
            Step::Activate => put_back(turn, format!("the gateway went down while {name} was activated")),
            Step::Check if booted.rebooted => {
                put_back(turn, format!("the gateway restarted while {name} was checked"))
            }
            Step::Check => (rolling(turn, Step::Check), Some(Effect::CheckComponent)),
            Step::PutBack { reason } => put_back(turn, reason),
        }
    }

    /// What the job does to a component right now, as a word for `current_operation`.
    pub(super) fn turn_operation(&self, turn: usize, step: &TurnStep) -> String {
        let name = if *step == TurnStep::Plan { "components" } else { self.turn_name(turn) };
        format!("{}_{name}", step.operation())
    }

    /// The component of a turn.
    #[must_use]
    pub fn turn_name(&self, turn: usize) -> &str {
        let turns = self.turns.as_deref().unwrap_or_default();
        turns.get(turn).map_or("the component", |turn| turn.name.as_str())
    }

    /// Which components are new and which are not; `None` for a job without any.
    #[must_use]
    pub fn components_sentence(&self) -> Option<String> {
        let turns = self.turns.as_ref().filter(|turns| !turns.is_empty())?;
        let version = self.work.version();
        let current = self.turn().filter(|(_, step)| step.is_switched()).map(|(turn, _)| turn);
        let say = |(index, turn): (usize, &ComponentTurn)| {
            let (name, former) = (&turn.name, former(turn.from.as_ref()));
            match turn.state {
                _ if current == Some(index) => format!("{name} is being changed"),
                TurnState::New => format!("{name} is {version}"),
                TurnState::Old => format!("{name} stays {former}"),
                TurnState::PutBack => format!("{name} is {former} again"),
            }
        };
        let parts: Vec<_> = turns.iter().enumerate().map(say).collect();
        Some(format!("Components: {}.", parts.join(", ")))
    }

    fn end_turn(&mut self, turn: usize, state: TurnState) {
        if let Some(turn) = self.turns.as_mut().and_then(|turns| turns.get_mut(turn)) {
            turn.state = state;
        }
    }

    fn put_back_failure(&self, turn: usize, reason: &str, complaint: Option<String>) -> Failure {
        let name = self.turn_name(turn);
        let mut message = format!("{name} {} was put back: {reason}", self.work.version());
        if let Some(complaint) = complaint {
            message = format!("{message} — and the former {name} did not come up again: {complaint}");
        }
        Failure { code: FailureCode::InstallFailed, message }
    }
}

fn former(from: Option<&ComponentVersion>) -> String {
    from.map_or_else(|| "absent".to_owned(), |from| from.version.clone())
}

fn put_back(turn: usize, reason: String) -> Next {
    (rolling(turn, TurnStep::PutBack { reason }), Some(Effect::AwaitClear(Phase::Arm)))
}

fn hold(turn: usize, step: TurnStep, reasons: Vec<String>) -> Next {
    let phase = step.phase();
    (JobState::Held { at: HoldPoint::Component { turn, step }, reasons }, Some(Effect::AwaitClear(phase)))
}

impl super::Bundle {
    /// Whether it brings a system for a slot.
    #[must_use]
    pub fn has_root(&self) -> bool {
        self.images.iter().any(|image| image.class == ROOT_CLASS)
    }

    /// What goes into a slot: the system, without the components beside it.
    #[must_use]
    pub fn system(&self) -> Self {
        let mut bundle = self.clone();
        bundle.images.retain(|image| image.class == crate::ROOT_CLASS);
        bundle
    }

    /// The bundle without the images of `components`.
    #[must_use]
    pub fn without(&self, components: &[String]) -> Self {
        let mut bundle = self.clone();
        bundle.images.retain(|image| !components.contains(&image.class));
        bundle
    }
}
