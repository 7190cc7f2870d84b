//! Interlocks: whether the machine beside the gateway lets an operation go on.
//!
//! The verdict is a pure function of readings, of an override and of time on the boot clock, which no wall-clock jump
//! reaches. What is unknown or stale blocks. The ports that write a slot, arm it or restart the gateway take a
//! [`Clearance`] for just that, which only a clear verdict gives out.

mod constraint;
mod desk;
mod gate;
mod grant;
mod monitor;
mod verdict;

pub use constraint::{ConstraintId, ConstraintState, Reading, UnknownConstraint};
pub use desk::{
    Enabled, Ended, OverrideDesk, OverrideEnd, OverridePolicy, OverrideRefusal, OverrideRequest, Proposal,
};
pub use gate::{ArmGate, Clearance, Gate, Phase, RebootGate, WriteGate};
pub use grant::{Asker, Grant};
pub use monitor::SafetyMonitor;
pub use verdict::{Assessment, Blocked, Verdict};
