//! The pure domain of Gateway OTA.
//!
//! Nothing here awaits, reads a clock, or touches a device: time and readings come in as arguments, and what is to be
//! done goes out as values. That is what lets property tests walk through every order of events, and the browser share
//! these types.

mod actor;
mod audit;
mod automatic;
mod boot;
mod calendar;
mod eligibility;
mod gate;
mod health;
mod job;
mod job_id;
mod label;
mod pace;
mod pin;
mod place;
mod progress;
mod release;
mod role;
mod safety;
mod settings;
mod slot;
mod wave;

pub use actor::{Actor, Origin};
pub use audit::{
    AuditAction, AuditEntry, AuditHead, AuditOutcome, AuditRecord, ChainCheck, ChainFault, Repeats,
    UnknownAction, verify_chain,
};
pub use automatic::{
    Act, Decision, Foresight, LastCheck, Outcome, Run, ScheduleState, decide, foresee, newest_offer,
    next_check,
};
pub use boot::{BootChange, BootSelection};
pub use calendar::{Calendar, Window};
pub use eligibility::{
    Eligibility, Facts, Gates, Offer, PolicyHold, Reason, WaitingRestart, WindowHold, download_eligibility,
    eligibility, restart_eligibility,
};
pub use gate::{Admission, Operation, Refusal, admit};
pub use health::{CheckKind, CheckPlan, CheckReport, CheckState, TrialChecks, TrialVerdict};
pub use job::{
    Applied, Arming, BootStep, Booted, Bundle, ComponentPlace, ComponentTurn, ComponentVersion, Denied,
    Effect, FactoryReset, Failure, FailureCode, ForeignJob, FormerSystem, HoldPoint, ImageFacts,
    InstallOrder, InstallStep, Job, JobEvent, JobKind, JobState, MOST_ATTEMPTS, RecoveryImage, RestoreSource,
    RestoredVersion, SlotTask, SlotWork, SnapshotOrder, Strategy, TurnState, TurnStep, UploadedImage, WINDOW,
    Work,
};
pub use job_id::{InvalidJobId, JobId};
pub use label::file_label;
pub use pace::{Ahead, Pace, Pass};
pub use pin::{PinKind, UnknownPin, WeakPin, check_new_pin, wait_after_tries};
pub use place::Place;
pub use progress::{overall_percentage, percentage};
pub use release::{
    BelowFloor, InvalidRelease, Release, Severity, TargetFile, UpdateKind, check_floor, version_order,
};
pub use role::{Role, UnknownRole};
pub use safety::{
    ArmGate, Asker, Assessment, Blocked, Clearance, ConstraintId, ConstraintState, Enabled, Ended, Gate,
    Grant, OverrideDesk, OverrideEnd, OverridePolicy, OverrideRefusal, OverrideRequest, Phase, Proposal,
    Reading, RebootGate, SafetyMonitor, UnknownConstraint, Verdict, WriteGate,
};
pub use settings::{
    AutoUpdate, AutoUpdatePatch, InvalidSettings, MaintenanceWindow, MaintenanceWindowPatch, Schedule,
    Settings, SettingsPatch, Weekday,
};
pub use slot::{BySlot, ROOT_CLASS, Running, SlotHealth, SlotId, SlotRecord, UnknownSlot};
pub use wave::{InvalidWaves, Wave, WaveStart, check_waves};
