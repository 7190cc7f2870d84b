//! Words of the audit list.

use ota_api::audit::AuditRecord;

use crate::ui::Tone;

pub const TITLE: &str = "Audit Log";
pub const CAPTION: &str = "Who did what on this gateway, newest first";
pub const TIME: &str = "Time";
pub const WHO: &str = "Who";
pub const FROM: &str = "From where";
pub const WHAT: &str = "What";
pub const WHY: &str = "Why";
pub const RESULT: &str = "Result";
pub const ACTION: &str = "Action";
pub const ALL_ACTIONS: &str = "All actions";
pub const USER: &str = "User";
pub const EXPORT: &str = "Export as JSON Lines";
pub const OLDER: &str = "Older Records";
pub const READING: &str = "The audit log is being read.";
pub const NONE: &str = "No record matches.";

/// How much there is.
#[must_use]
pub fn amount(total: u64, size: &str) -> String {
    format!(
        "{total} records, {size}. The log only grows; gateway-ota audit verify finds records that were changed, dropped or moved."
    )
}

/// What was done, by its name on the wire. A name of a newer release stands for itself.
#[must_use]
pub fn action(name: &str) -> String {
    let words = match name {
        "login" => "Login",
        "login_failed" => "Failed login",
        "logout" => "Logout",
        "download" => "Download",
        "install" => "Installation",
        "arm" => "Made next to start",
        "cancel" => "Cancel",
        "reboot" => "Restart",
        "boot" => "Start of the gateway",
        "commit" => "Confirmation of the new system",
        "rollback" => "Return to the former system",
        "override_enable" => "Override enabled",
        "override_disable" => "Override disabled",
        "override_expired" => "Override expired",
        "pin_set" => "PIN set",
        "pin_failed" => "Wrong PIN",
        "user_add" => "User added",
        "user_change" => "User changed",
        "user_remove" => "User removed",
        "provision" => "Provisioning",
        "deploy" => "Deployment of an uploaded image",
        "upload_verify" => "Upload of an image",
        "snapshot" => "Snapshot",
        "debug_bundle" => "Debug bundle",
        "snapshot_delete" => "Snapshot deleted",
        "factory_reset" => "Factory reset",
        "recovery_upload" => "Recovery image uploaded",
        "setup" => "Set-up of the gateway",
        "settings" => "Change of the settings",
        "restore" => "Restore",
        "rollback_order" => "Rollback ordered",
        other => other,
    };
    words.to_owned()
}

/// Address, or what is not remote.
#[must_use]
pub fn origin(record: &AuditRecord) -> String {
    match record.origin.as_str() {
        "remote" if record.address.is_empty() => "unknown address".to_owned(),
        "remote" => record.address.clone(),
        "local" => "command line".to_owned(),
        "system" => "the gateway itself".to_owned(),
        other => other.to_owned(),
    }
}

/// A record without a name is of somebody whom the gateway does not know.
#[must_use]
pub fn actor(record: &AuditRecord) -> String {
    if record.actor.is_empty() { "unknown".to_owned() } else { record.actor.clone() }
}

/// A dash where none was given.
#[must_use]
pub fn reason(text: String) -> String {
    if text.is_empty() { "–".to_owned() } else { text }
}

/// `refused: blocked`.
#[must_use]
pub fn outcome(record: &AuditRecord) -> (String, Tone) {
    let tone = match record.outcome.as_str() {
        "succeeded" => Tone::Good,
        "refused" => Tone::Warn,
        "failed" => Tone::Bad,
        _ => Tone::Neutral,
    };
    let code = record.code.replace('_', " ");
    let words = if code.is_empty() { record.outcome.clone() } else { format!("{}: {code}", record.outcome) };
    (words, tone)
}
