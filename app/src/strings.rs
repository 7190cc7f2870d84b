//! Every word that a person reads on the page.
//!
//! Labels stand here, sentences about states in [`words`], what a button is about to do in [`questions`]. Button names are
//! those of the published interface.

pub mod audit;
pub mod plan;
pub mod questions;
pub mod reset;
pub mod words;

pub const TITLE: &str = "OTA & System Updates - Univa Gateway";
pub const HEADING: &str = "OTA & System Updates";
pub const BRAND: &str = "Univa Gateway";
pub const SKIP: &str = "Skip to the content";
pub const NAVIGATION: &str = "Sections";
pub const NOTICE: &str = "Notice";
pub const STRIP: &str = "State at a glance";
pub const NO_SCRIPT: &str = "This page shows the state of the gateway as it was when it was loaded. Operating the gateway needs a browser that runs \
     WebAssembly.";
pub const STARTING: &str = "The page is starting…";
pub const LOG_OUT: &str = "Log out";
pub const DISMISS: &str = "Dismiss";
pub const TRY_NOW: &str = "Try Now";
pub const NEVER: &str = "never";
pub const NONE: &str = "none";
pub const YES: &str = "yes";
pub const NO: &str = "no";
pub const ON: &str = "On";
pub const OFF: &str = "Off";
pub const UNKNOWN: &str = "unknown";

/// Anchor and heading of each section, in the order of the page.
pub const SECTIONS: [(&str, &str); 7] = [
    ("status", "System Information & Partition Status"),
    ("updates", "Available Updates"),
    ("upload", "Manual Upload Management"),
    ("settings", "Update Settings & Schedule"),
    ("recovery", "Recovery Operations"),
    ("safety", "Safety Constraints"),
    ("monitor", "Live Update Monitor & Logs"),
];

/// Shorter names of the sections, for the navigation.
pub const SECTION_LINKS: [&str; 7] =
    ["System", "Updates", "Manual upload", "Settings", "Recovery", "Safety", "Monitor & logs"];

pub mod login {
    pub const TITLE: &str = "Log in - Univa Gateway";
    pub const HEADING: &str = "Log in to the gateway";
    pub const USERNAME: &str = "User name";
    pub const PASSWORD: &str = "Password";
    pub const SUBMIT: &str = "Log in";
}

pub mod setup {
    pub const TITLE: &str = "Set up - Univa Gateway";
    pub const HEADING: &str = "Set up this gateway";
    pub const INTRO: &str = "Nobody can log in to it yet. Its console shows a claim token; the service makes a new one at every start.";
    pub const TOKEN: &str = "Claim token";
    pub const USERNAME: &str = "Name of the first administrator";
    pub const PASSWORD: &str = "Password, at least 8 characters";
    pub const REPEATED: &str = "Password, once more";
    pub const OVERRIDE_PIN: &str = "Override PIN, at least 6 digits";
    pub const FACTORY_PIN: &str = "Factory-reset PIN, another one";
    pub const SUBMIT: &str = "Set Up";
}

pub mod status {
    pub const GATEWAY: &str = "Gateway";
    pub const MODEL: &str = "Model";
    pub const VERSION: &str = "OS version";
    pub const KERNEL: &str = "Kernel";
    pub const UPTIME: &str = "Uptime";
    pub const BOOT_LOADER: &str = "Boot loader";
    pub const LAST_OTA: &str = "Last update";
    pub const PARTITIONS: &str = "Partitions";
    pub const USED: &str = "Used";
    pub const TRIES: &str = "Boots left to try";
    pub const INSTALLED: &str = "Installed";
    pub const NO_SNAPSHOT: &str = "The recovery system runs, and no snapshot is taken of it.";
    pub const RUNNING: &str = "running now";
    pub const NEXT_BOOT: &str = "starts next";
    pub const ROLLBACK: &str = "Automatic rollback";
    pub const SNAPSHOT: &str = "Snapshot";
    pub const DEBUG_BUNDLE: &str = "Debug Bundle";
    pub const DEBUG_BUNDLES: &str = "Debug bundles";
    pub const DEBUG_HINT: &str = "Logs, configuration, metrics and the state of slots and jobs in one file, without passwords, PINs and keys.";
    pub const DOWNLOAD: &str = "Download";
    pub const COMPONENTS: &str = "Components";
    pub const COMPONENT: &str = "Component";
    pub const COMPONENT_VERSION: &str = "Version";
    pub const FORMER: &str = "Former version";
}

pub mod updates {
    pub const CHECK: &str = "Check for Updates";
    /// The switch of the published interface.
    pub const AUTO_ON: &str = "Auto-Update: On";
    pub const AUTO_OFF: &str = "Auto-Update: Off";
    pub const CHECKING: &str = "Checking…";
    pub const INSTALL: &str = "Install Now";
    pub const DOWNLOAD: &str = "Download Only";
    pub const CAPTION: &str = "Updates that the server offers";
    pub const VERSION: &str = "Version";
    pub const KIND: &str = "Type";
    pub const SEVERITY: &str = "Severity";
    pub const SIZE: &str = "Size";
    pub const RELEASED: &str = "Released";
    pub const SIGNATURE: &str = "Signature";
    pub const ACTIONS: &str = "Actions";
    pub const CHANGELOG: &str = "Changelog";
    pub const SERVER: &str = "Update server";
    pub const LAST_CHECK: &str = "Last check";
    pub const NEXT_CHECK: &str = "Next check";
    pub const NOTHING: &str = "No newer version is offered for this gateway.";
    pub const NEVER_CHECKED: &str = "The update server has not been asked yet.";
    pub const CHECK_FAILED: &str = "The last check failed:";
}

pub mod upload {
    pub const INTRO: &str = "An image that did not come from the update server passes the same verification before it may be \
                             written: signature, manifest, every block, and the version floor.";
    pub const TARGET: &str = "Slot that an image would go to";
    pub const FORMAT: &str = "Accepted format";
    pub const FORMAT_VALUE: &str = "signed RAUC verity bundle (.raucb)";
    pub const MODEL: &str = "Must be made for";
    pub const SPACE: &str = "Longest upload that fits now";
    pub const FILE: &str = "Image file: choose it, or drop it here";
    pub const RECOVERY_FILE: &str = "Recovery image file: choose it, or drop it here";
    pub const LABEL: &str = "Version label (optional)";
    pub const VERIFY: &str = "Verify & Prepare Deployment";
    pub const KEEP: &str = "Upload";
    pub const KEPT_FOR_RECOVERY: &str = "The image is verified and kept as the recovery image.";
    pub const PROGRESS: &str = "Upload";
    pub const VERIFYING: &str = "The gateway verifies the image.";
    pub const CANCEL: &str = "Cancel Upload";
    pub const CANCELLING: &str = "The upload is cancelled. The gateway removes what has come of it.";
    pub const CANCELLED: &str = "The upload was cancelled. Nothing of it was kept.";
    pub const NOT_DISCARDED: &str = "The upload was not discarded";
    pub const BROKEN: &str = "The upload broke off. Start it again: it goes on with what has arrived.";
    pub const DONE: &str = "The image is verified and can be deployed.";
    pub const DEPLOY: &str = "Deploy";
    pub const VERIFIED: &str = "Verified images";
    pub const NONE: &str = "No image was uploaded.";
    pub const NAME: &str = "Image";
    pub const VERSION: &str = "Signed version";
    pub const KERNEL: &str = "Kernel";
    pub const SIZE: &str = "Size";
    pub const SIGNER: &str = "Signed by";
    pub const HARDWARE: &str = "Hardware";
    pub const CHECKSUM: &str = "Checksum";
    pub const KEPT: &str = "Kept until";
    pub const ACTIONS: &str = "Deployment";

    pub const UNFINISHED: &str = "Interrupted uploads";
    pub const UNFINISHED_HINT: &str = "Choose the same file again to go on with it.";
    pub const DISCARD: &str = "Discard";

    /// How far an interrupted upload is: percent, bytes of the whole, and until when it waits.
    #[must_use]
    pub fn waiting(percent: u64, size: u64, until: &str) -> String {
        format!("{percent} % of {}, kept until {until}", ota_api::human::size(size))
    }

    /// `when` is the browser's time of day.
    #[must_use]
    pub fn lost(percent: u64, when: &str) -> String {
        format!("Connection lost at {percent} %; goes on at {when}.")
    }
}

pub mod settings {
    pub const AUTOMATION: &str = "Automation";
    pub const AUTO_UPDATE: &str = "Auto-Update";
    pub const AUTO_UPDATE_HINT: &str = "updates are installed in the maintenance window without a person";
    pub const AUTO_DOWNLOAD: &str = "Download by itself";
    pub const AUTO_DOWNLOAD_HINT: &str = "at any time, so that the window is for the installation alone";
    pub const AUTO_SECURITY: &str = "Only security updates";
    pub const AUTO_SECURITY_HINT: &str = "everything else is left to a person";
    pub const AUTO_REBOOT: &str = "Restart by itself";
    pub const AUTO_REBOOT_HINT: &str = "in the window, as soon as the machine is still";
    pub const URGENT: &str = "Security updates need no window";
    pub const URGENT_HINT: &str = "they are installed as soon as the machine is still";
    pub const CHECK_INTERVAL: &str = "Hours between checks (empty: as configured)";
    pub const SOAK: &str = "Hours that a release must have been out";
    pub const WINDOW: &str = "Maintenance window";
    pub const WINDOW_ENABLED: &str = "Use a maintenance window";
    pub const WINDOW_HINT: &str = "without one nothing is installed by itself";
    pub const SCHEDULE: &str = "Schedule";
    pub const SCHEDULES: [(&str, &str); 3] =
        [("daily", "every day"), ("weekly", "every week"), ("monthly", "every month")];
    pub const WEEKDAY: &str = "Day of the week";
    pub const WEEKDAYS: [(&str, &str); 7] = [
        ("monday", "Monday"),
        ("tuesday", "Tuesday"),
        ("wednesday", "Wednesday"),
        ("thursday", "Thursday"),
        ("friday", "Friday"),
        ("saturday", "Saturday"),
        ("sunday", "Sunday"),
    ];
    pub const DAY: &str = "Day of the month";
    pub const TIME: &str = "Begins at";
    pub const DURATION: &str = "Minutes that it lasts";
    pub const TIME_ZONE: &str = "Time zone, such as Europe/Berlin (empty: the site’s)";
    pub const STRATEGY: &str = "Update strategy";
    pub const METHOD: &str = "Method";
    pub const STRATEGIES: [(&str, &str); 3] =
        [("seamless", "Seamless"), ("in_place", "In place"), ("rolling", "Rolling")];
    pub const SAVE: &str = "Save Settings";
    pub const DISCARD: &str = "Discard Changes";
    pub const UNSAVED: &str = "Unsaved changes";
    pub const OVERTAKEN: &str = "Somebody else has saved other settings meanwhile.";
    pub const THEIRS: &str = "Show Theirs";
    pub const MINE: &str = "Keep Mine";
}

pub mod recovery {
    pub const ROLLBACK: &str = "Previous system";
    pub const AUTOMATIC: &str = "If a new system fails";
    pub const SLOT: &str = "Slot";
    pub const VERSION: &str = "Version";
    pub const STATE: &str = "State";
    pub const ROLL_BACK: &str = "Execute Rollback";
    pub const RESTORE: &str = "Restore";
    pub const RESTORE_NOW: &str = "Start Restore";
    pub const DELETE: &str = "Delete";
    pub const SOURCES: &str = "What can be restored into the other slot";
    pub const NOTHING: &str =
        "Nothing is kept that could be restored. Take a snapshot under System Information.";
    pub const SOURCE: &str = "Source";
    pub const KEPT_BUNDLE: &str = "installed bundle";
    pub const TAKEN: &str = "Kept since";
    pub const SIZE: &str = "Size";
    pub const RESTORES: &str = "Restores";
    pub const ACTIONS: &str = "Actions";
    pub const FACTORY: &str = "Factory reset";
    pub const FACTORY_INTRO: &str =
        "Back to the state of delivery. It asks for the factory-reset PIN and cannot be taken back.";
    pub const RESET: &str = "Factory Reset";
    pub const IMAGE: &str = "Recovery image";
    pub const INSTALLS: &str = "A factory reset installs";
    pub const RECOVERY_SLOT: &str = "Recovery slot";
}

pub mod safety {
    pub const CAPTION: &str = "Interlocks that allow or block updates";
    pub const CONSTRAINT: &str = "Constraint";
    pub const STATE: &str = "State";
    pub const VALUE: &str = "Value";
    pub const SOURCE: &str = "Source";
    pub const AGE: &str = "Age of the reading";
    pub const CLEARS: &str = "Expected to clear";
    pub const REASON: &str = "Reason";
    pub const CLEAR: &str = "clear";
    pub const BLOCKING: &str = "blocking";
    pub const UNKNOWN: &str = "unknown, blocks";
    pub const NOT_USED: &str = "not used";
    pub const OVERRIDDEN: &str = "overridden";
}

pub mod overriding {
    pub const HEADING: &str = "Override";
    pub const FORCE: &str = "Force Override";
    pub const END: &str = "End Override";
    pub const BY: &str = "By";
    pub const WHY: &str = "Reason";
    pub const SERVES: &str = "For";
    pub const NEXT_OPERATION: &str = "the next operation";
    pub const LEFT: &str = "Ends in";
    pub const END_REASON: &str = "Ended on the page";
}

pub mod danger {
    /// The words for an override of the interlocks, and for a factory reset.
    #[derive(Clone, Copy)]
    pub struct Words {
        pub forced: &'static str,
        pub reset: &'static str,
    }

    pub const TITLE: Words =
        Words { forced: "Override safety constraints?", reset: "Reset this gateway to factory state?" };
    pub const WARNING: Words = Words {
        forced: "You answer for what the interlocks would have prevented: make sure that nothing moves and nobody is in \
                 danger. Signatures, the running slot and free space are checked all the same. Who, why and when go on record.",
        reset: "Settings, users, sessions and PINs are removed, yours too, and the gateway restarts as soon as the machine is still. \
                Then somebody has to read the claim token from its console and set it up again. Until the restart the reset \
                can be cancelled; after it nothing brings the old state back.",
    };
    pub const PIN: Words = Words { forced: "Override PIN", reset: "Factory-reset PIN" };
    pub const KEEP: Words = Words { forced: "Keep Interlocks", reset: "Keep Everything" };
    pub const CONFIRM: Words = Words { forced: "Override", reset: "Reset Gateway" };
    pub const CONSTRAINTS: &str = "Constraints";
    pub const REASON: &str = "Reason, at least 10 characters";
    pub const NEVER: &str = "may not be overridden here";
    pub const WIPE: &str = "Remove all other data, too";
    pub const WIPE_HINT: &str = "jobs, logs, audit log, snapshots, kept bundles, uploads and debug bundles";
    pub const EXPORT: &str = "Export the audit log first";
    pub const GATEWAY: &str = "Id of this gateway, typed";
    pub const CHOOSE: &str = "Choose at least one constraint.";
    pub const SAY_WHY: &str = "Say why, in at least 10 characters.";
    pub const SENDING: &str = "Your order is on its way.";
    pub const ENTER_PIN: &str = "Enter the PIN.";
    pub const TYPE_ID: &str = "Type the id of this gateway.";
    pub const OVERRIDDEN: &str = "Safety override";
    pub const RESET: &str = "Factory reset";
}

pub mod monitor {
    pub const JOB: &str = "Update";
    pub const NOW: &str = "This operation";
    pub const OVERALL: &str = "Whole way to the confirmed system";
    pub const STEP: &str = "Step";
    pub const SPEED: &str = "Speed";
    pub const TRANSFERRED: &str = "Downloaded";
    pub const ETA: &str = "Time left";
    pub const ELAPSED: &str = "Elapsed";
    pub const TARGET: &str = "Target slot";
    pub const ID: &str = "Job";
    pub const STARTED: &str = "Started";
    pub const ENDED: &str = "Ended";
    pub const CODE: &str = "Error code";
    pub const TRIAL_LEFT: &str = "Time left for the trial";
    pub const CHECKS: &str = "Health checks";
    pub const INSTALL: &str = "Install";
    pub const CANCEL: &str = "Cancel";
    pub const RESTART: &str = "Restart Now";
    pub const GO_ON: &str = "Go On Now";
    pub const IDLE: &str = "No update is running.";
    pub const IDLE_HINT: &str = "Start one under Available Updates; its progress appears here.";
    pub const RESOURCES: &str = "Gateway now";
    pub const CPU: &str = "Processor";
    pub const MEMORY: &str = "Memory";
    pub const STATE: &str = "State";
    pub const OPERATION: &str = "Operation";
    pub const LOG: &str = "Update Activity Log";
    pub const LEVEL: &str = "Show";
    pub const LEVELS: [(&str, &str); 5] = [
        ("", "All levels"),
        ("error", "Errors"),
        ("warning", "Warnings"),
        ("info", "Information"),
        ("debug", "Details"),
    ];
    pub const NO_LOG: &str = "No entries.";
}

pub mod orders {
    use crate::live::Order;

    pub const CANCEL_REASON: &str = "Cancelled on the page";
    pub const RESTART_REASON: &str = "Ordered on the page";

    /// Heading of the message about what `order` came to.
    #[must_use]
    pub const fn title(order: &Order, done: bool) -> &'static str {
        match (order, done) {
            (Order::Check, true) => "The update server has been asked",
            (Order::Check, false) => "The check for updates failed",
            (Order::InstallUpdate { .. } | Order::DownloadUpdate { .. }, true) => "The download has started",
            (Order::InstallUpdate { .. } | Order::DownloadUpdate { .. }, false) => {
                "The download was not started"
            }
            (Order::InstallDownloaded { .. }, true) => "The installation has started",
            (Order::InstallDownloaded { .. }, false) => "The installation was not started",
            (Order::Cancel { .. }, true) => "The update is cancelled",
            (Order::Cancel { .. }, false) => "The update was not cancelled",
            (Order::EndOverride, true) => "The override is over",
            (Order::EndOverride, false) => "The override was not ended",
            (Order::DebugBundle, true) => "The debug bundle is being made",
            (Order::DebugBundle, false) => "The debug bundle was not made",
            (Order::SaveSettings(_), true) => "The settings are saved",
            (Order::SaveSettings(_), false) => "The settings were not saved",
            (Order::SwitchAutoUpdate { .. }, true) => "Auto-Update is switched",
            (Order::SwitchAutoUpdate { .. }, false) => "Auto-Update was not switched",
            (Order::TakeSnapshot { .. }, true) => "The snapshot is being taken",
            (Order::TakeSnapshot { .. }, false) => "The snapshot was not taken",
            (Order::DeleteSnapshot { .. }, true) => "The snapshot is deleted",
            (Order::DeleteSnapshot { .. }, false) => "The snapshot was not deleted",
            (Order::Restore { .. }, true) => "The restore has started",
            (Order::Restore { .. }, false) => "The restore was not started",
            (Order::Rollback { .. }, true) => "The former system starts next",
            (Order::Rollback { .. }, false) => "The rollback was not executed",
            (Order::Deploy { .. }, true) => "The deployment has started",
            (Order::Deploy { .. }, false) => "The deployment was not started",
            (Order::GoOn { .. }, true) => "The installation goes on",
            (Order::GoOn { .. }, false) => "The installation did not go on",
            (Order::Restart { .. }, true) => "The gateway restarts",
            (Order::Restart { .. }, false) => "The gateway was not restarted",
        }
    }

    /// How to find a failed request in the gateway's log.
    #[must_use]
    pub fn request(id: &str) -> String {
        format!("Request {id} in the gateway's log.")
    }
}
