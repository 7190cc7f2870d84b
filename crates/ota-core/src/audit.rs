//! The audit log: who did what, from where, why, and what came of it.
//!
//! An [`AuditEntry`] is what is said. Sealing it makes an [`AuditRecord`], whose hash covers the record before it: the
//! records are a chain in which nothing can be changed, dropped, added or moved without being found by [`ChainCheck`].
//! Who can write all of the log can make a new chain; that is found by comparing with a [`AuditHead`] that was kept
//! elsewhere.

mod chain;
mod repeats;

use crate::Actor;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

pub use chain::{AuditHead, AuditRecord, ChainCheck, ChainFault, verify_chain};
pub use repeats::Repeats;

/// What can be done. The names are stable: they are in logs that were exported long ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditAction {
    Login,
    LoginFailed,
    Logout,
    /// A download was ordered, ended, or failed.
    Download,
    /// A slot is written: ordered, proven, or failed.
    Install,
    /// A slot was made next in the boot environment.
    Arm,
    Cancel,
    Reboot,
    /// The gateway started.
    Boot,
    /// A new system was confirmed.
    Commit,
    /// The former system came back.
    Rollback,
    OverrideEnable,
    OverrideDisable,
    OverrideExpired,
    PinSet,
    PinFailed,
    UserAdd,
    /// A password was replaced.
    UserChange,
    UserRemove,
    Provision,
    /// An uploaded image was ordered into a slot.
    Deploy,
    /// An image was uploaded and verified.
    UploadVerify,
    Snapshot,
    SnapshotDelete,
    DebugBundle,
    /// A version was ordered back into a slot.
    Restore,
    /// The return to the other slot was ordered.
    RollbackOrder,
    /// The gateway was ordered back to the state in which it left the factory.
    FactoryReset,
    /// A recovery image was uploaded, verified and kept.
    RecoveryUpload,
    /// The first administrator and the PINs were set on the page.
    Setup,
    /// The update settings were changed.
    Settings,
}

impl AuditAction {
    pub const ALL: [Self; 31] = [
        Self::Login,
        Self::LoginFailed,
        Self::Logout,
        Self::Download,
        Self::Install,
        Self::Arm,
        Self::Cancel,
        Self::Reboot,
        Self::Boot,
        Self::Commit,
        Self::Rollback,
        Self::OverrideEnable,
        Self::OverrideDisable,
        Self::OverrideExpired,
        Self::PinSet,
        Self::PinFailed,
        Self::UserAdd,
        Self::UserChange,
        Self::UserRemove,
        Self::Provision,
        Self::Deploy,
        Self::UploadVerify,
        Self::Snapshot,
        Self::SnapshotDelete,
        Self::DebugBundle,
        Self::Restore,
        Self::RollbackOrder,
        Self::FactoryReset,
        Self::RecoveryUpload,
        Self::Setup,
        Self::Settings,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::LoginFailed => "login_failed",
            Self::Logout => "logout",
            Self::Download => "download",
            Self::Install => "install",
            Self::Arm => "arm",
            Self::Cancel => "cancel",
            Self::Reboot => "reboot",
            Self::Boot => "boot",
            Self::Commit => "commit",
            Self::Rollback => "rollback",
            Self::OverrideEnable => "override_enable",
            Self::OverrideDisable => "override_disable",
            Self::OverrideExpired => "override_expired",
            Self::PinSet => "pin_set",
            Self::PinFailed => "pin_failed",
            Self::UserAdd => "user_add",
            Self::UserChange => "user_change",
            Self::UserRemove => "user_remove",
            Self::Provision => "provision",
            Self::Deploy => "deploy",
            Self::UploadVerify => "upload_verify",
            Self::Snapshot => "snapshot",
            Self::SnapshotDelete => "snapshot_delete",
            Self::DebugBundle => "debug_bundle",
            Self::Restore => "restore",
            Self::RollbackOrder => "rollback_order",
            Self::FactoryReset => "factory_reset",
            Self::RecoveryUpload => "recovery_upload",
            Self::Setup => "setup",
            Self::Settings => "settings",
        }
    }
}

impl fmt::Display for AuditAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An action that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no action “{0}” in the audit log")]
pub struct UnknownAction(pub String);

impl FromStr for AuditAction {
    type Err = UnknownAction;
    fn from_str(name: &str) -> Result<Self, UnknownAction> {
        Self::ALL
            .into_iter()
            .find(|action| action.as_str() == name)
            .ok_or_else(|| UnknownAction(name.to_owned()))
    }
}

/// What came of it. Codes are short stable words, such as `blocked` or `forbidden`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuditOutcome {
    /// It is about to be done; what came of it is in a later record.
    Attempted,
    Succeeded,
    /// Nothing was done.
    Refused {
        code: String,
    },
    /// It was begun and did not come to its end.
    Failed {
        code: String,
    },
}

impl AuditOutcome {
    /// The words of all outcomes.
    pub const NAMES: [&'static str; 4] = ["attempted", "succeeded", "refused", "failed"];

    #[must_use]
    pub fn refused(code: impl Into<String>) -> Self {
        Self::Refused { code: code.into() }
    }

    #[must_use]
    pub fn failed(code: impl Into<String>) -> Self {
        Self::Failed { code: code.into() }
    }

    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Attempted => "attempted",
            Self::Succeeded => "succeeded",
            Self::Refused { .. } => "refused",
            Self::Failed { .. } => "failed",
        }
    }

    /// Why it was refused or failed; empty otherwise.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Attempted | Self::Succeeded => "",
            Self::Refused { code } | Self::Failed { code } => code,
        }
    }
}

/// What is to be written into the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    pub actor: Actor,
    pub action: AuditAction,
    /// What it was done to: a job, an update, a user, a constraint. Empty where there is only one such thing.
    pub subject: String,
    /// The reason that the actor gave. Empty where none was given.
    pub reason: String,
    pub outcome: AuditOutcome,
    /// What came of it, in words. Empty where the outcome says it all.
    pub detail: String,
}

impl AuditEntry {
    #[must_use]
    pub fn new(actor: &Actor, action: AuditAction, outcome: AuditOutcome) -> Self {
        Self {
            actor: actor.clone(),
            action,
            subject: String::new(),
            reason: String::new(),
            outcome,
            detail: String::new(),
        }
    }

    #[must_use]
    pub fn attempt(actor: &Actor, action: AuditAction) -> Self {
        Self::new(actor, action, AuditOutcome::Attempted)
    }

    #[must_use]
    pub fn success(actor: &Actor, action: AuditAction) -> Self {
        Self::new(actor, action, AuditOutcome::Succeeded)
    }

    #[must_use]
    pub fn about(mut self, subject: impl Into<String>) -> Self {
        self.subject = subject.into();
        self
    }

    #[must_use]
    pub fn because(mut self, reason: impl Into<String>) -> Self {
        self.reason = reason.into();
        self
    }

    #[must_use]
    pub fn saying(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// The same attempt with what came of it.
    #[must_use]
    pub fn with_outcome(mut self, outcome: AuditOutcome) -> Self {
        self.outcome = outcome;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::AuditAction;

    #[test]
    fn names_are_unique_come_back_and_are_those_of_serde() {
        for action in AuditAction::ALL {
            assert_eq!(action.as_str().parse(), Ok(action));
            assert_eq!(serde_json::to_value(action).unwrap(), action.as_str());
        }
        assert!("reset_everything".parse::<AuditAction>().is_err());
    }
}
