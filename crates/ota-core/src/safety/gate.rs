//! The points of an operation at which a verdict is asked for, and the proof that it was clear.

use super::ConstraintId;
use serde::{Deserialize, Serialize};
use std::{marker::PhantomData, time::Duration};

/// The point of an operation at which a verdict is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// A person or a schedule starts an operation: everything must be clear.
    Start,
    /// The bundle is fetched: without a network there is nothing to wait for but the network.
    Download,
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
            Self::Download => &[C::Network],
            Self::Write => &[C::UpsBattery, C::SystemLoad],
            Self::Arm | Self::Reboot => &[C::CraneMotion, C::AcsCollision, C::UpsBattery],
        }
    }

    /// Whether the constraints must have been clear without a break for the configured time.
    pub(super) const fn needs_calm(self) -> bool {
        matches!(self, Self::Arm | Self::Reboot)
    }
}

/// A phase as a type, so that the clearance of one cannot be used for another.
pub trait Gate {
    const PHASE: Phase;
}

/// Writing the inactive slot.
#[derive(Debug)]
pub enum WriteGate {}

/// Making a slot next.
#[derive(Debug)]
pub enum ArmGate {}

/// Restarting the gateway.
#[derive(Debug)]
pub enum RebootGate {}

impl Gate for WriteGate {
    const PHASE: Phase = Phase::Write;
}

impl Gate for ArmGate {
    const PHASE: Phase = Phase::Arm;
}

impl Gate for RebootGate {
    const PHASE: Phase = Phase::Reboot;
}

/// Proof that nothing forbade what `G` stands for. But for commissioning and the start of the gateway only [`super::SafetyMonitor::clearance`] makes one,
/// and it cannot be copied: one clearance, one act.
#[derive(Debug)]
pub struct Clearance<G: Gate> {
    at: Duration,
    gate: PhantomData<fn() -> G>,
}

impl<G: Gate> Clearance<G> {
    pub(super) const fn new(at: Duration) -> Self {
        Self { at, gate: PhantomData }
    }

    /// When it was given, on the boot clock. An act that may have to wait looks at it again in the moment of doing.
    #[must_use]
    pub const fn at(&self) -> Duration {
        self.at
    }
}

impl Clearance<WriteGate> {
    /// For the factory: a gateway that was never provisioned stands beside no machine yet, and has no sources to ask.
    #[must_use]
    pub const fn for_commissioning() -> Self {
        Self::new(Duration::ZERO)
    }

    /// For a start of the gateway that writes a slot before anything is mounted: nothing runs that could ask, and the verdict was clear
    /// when the restart was ordered.
    #[must_use]
    pub const fn before_start() -> Self {
        Self::new(Duration::ZERO)
    }
}
