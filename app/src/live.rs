//! What the page knows, as signals, and how messages of the gateway change it.
//!
//! The server renders the page from [`PageData`]; the browser starts with the same data, hears changes over the WebSocket
//! and reads again what a message only names.

mod audit;
mod backoff;
mod danger;
mod draft;
mod message;
mod orders;
mod part;
mod resync;
#[cfg(feature = "hydrate")]
mod socket;
mod upload;

use leptos::prelude::{StoredValue, WithValue};
use message::is_of_another_run;
use ota_api::{
    Settings, Strategy,
    auth::Role,
    debug::DebugBundles,
    monitor::{LogLine, Monitor, Progress},
    page::PageData,
    recovery::Recovery,
    safety::Safety,
    status::Status,
    updates::{CheckSummary, Update},
    upload::Uploads,
    ws::{SystemStatus, Topic},
};

pub use audit::{AuditList, read_audit};
pub use backoff::delay_ms;
pub use danger::{Danger, DangerForm, send_danger};
pub use draft::{Draft, edit, is_overtaken, is_saved, keep_mine, patch, save_draft};
pub use message::{Assessed, Heard, read};
pub use orders::{Message, Order, ask, perform};
pub use part::Part;
pub use resync::{Wanted, leave, want};
#[cfg(feature = "hydrate")]
pub use socket::start;
pub use upload::{Ending, Upload, cancel_upload, choose_file, discard_upload, start_upload};

use crate::{
    rules::{self, Facts},
    strings::words,
};

/// Log lines that the page keeps.
const KEPT_LOG_LINES: usize = 200;

/// Whether the page hears the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    Connecting,
    Up,
    Lost,
}

/// A restart of the gateway, as far as this page has seen it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Restart {
    None,
    Announced { version: String },
    Returned { sentence: String },
}

/// Everything that the page shows and that can change.
struct State {
    role: Role,
    system: Status,
    updates: Vec<Update>,
    check: CheckSummary,
    settings: Settings,
    safety: Safety,
    recovery: Recovery,
    uploads: Uploads,
    debug: DebugBundles,
    monitor: Monitor,
    monitor_age: u64,
    draft: Option<Draft>,
    job: Option<Progress>,
    job_age: u64,
    logs: Vec<LogLine>,
    log_level: String,
    link: Link,
    restart: Restart,
    ready: bool,
    ordering: bool,
    message: Option<Message>,
    announcement: String,
    question: Option<Order>,
    restart_after: bool,
    snapshot_first: bool,
    strategy: Strategy,
    input: String,
    upload: Upload,
    audit: AuditList,
    danger: Option<Danger>,
    danger_form: DangerForm,
    heard: u64,
    assessed: Vec<Assessed>,
    started_anew: bool,
    queue: resync::Queue,
}

/// The page's state, part by part. Copied freely; every member is a handle.
#[derive(Clone, Copy)]
pub struct Live {
    pub system: Part<Status>,
    pub updates: Part<Vec<Update>>,
    pub check: Part<CheckSummary>,
    pub settings: Part<Settings>,
    pub safety: Part<Safety>,
    pub recovery: Part<Recovery>,
    pub uploads: Part<Uploads>,
    pub debug: Part<DebugBundles>,
    pub monitor: Part<Monitor>,
    /// Seconds since `monitor` was read.
    pub monitor_age: Part<u64>,
    /// Settings that are not saved yet.
    pub draft: Part<Option<Draft>>,
    pub job: Part<Option<Progress>>,
    /// Seconds since `job` arrived: running times go on between two messages.
    pub job_age: Part<u64>,
    /// Newest first.
    pub logs: Part<Vec<LogLine>>,
    /// Level that the log is filtered by; empty for all.
    pub log_level: Part<String>,
    pub link: Part<Link>,
    pub restart: Part<Restart>,
    /// The page answers to clicks.
    pub ready: Part<bool>,
    /// An order is on its way.
    pub ordering: Part<bool>,
    pub message: Part<Option<Message>>,
    pub announcement: Part<String>,
    /// The order that the dialog asks about.
    pub question: Part<Option<Order>>,
    /// The dialog's choice: restart by itself after the installation.
    pub restart_after: Part<bool>,
    /// The dialog's choice: take a snapshot before the slot is touched.
    pub snapshot_first: Part<bool>,
    /// The dialog's choice: how the images reach the system.
    pub strategy: Part<Strategy>,
    /// What is typed into the dialog.
    pub input: Part<String>,
    pub upload: Part<Upload>,
    pub audit: Part<AuditList>,
    /// What the dialog that asks for a PIN is open for.
    pub danger: Part<Option<Danger>>,
    pub danger_form: Part<DangerForm>,
    /// Number of the newest event that the page knows of.
    heard: Part<u64>,
    /// Constraints that the feed has told of since all of them were asked for.
    assessed: Part<Vec<Assessed>>,
    /// The service has started since the status was read.
    started_anew: Part<bool>,
    queue: Part<resync::Queue>,
    state: StoredValue<State>,
}

/// A handle on each named member.
macro_rules! parts {
    ($state:ident: $($name:ident),+) => {
        Live { $($name: Part::new($state, |s| &s.$name, |s| &mut s.$name),)+ state: $state }
    };
}

impl Live {
    /// Must be called inside a reactive owner, which then owns the state.
    #[must_use]
    pub fn new(data: PageData) -> Self {
        let live = data.live;
        let state = StoredValue::new(State {
            role: live.role,
            system: data.system,
            updates: data.updates,
            check: live.check,
            settings: data.settings,
            safety: data.safety,
            recovery: live.recovery,
            uploads: live.uploads,
            debug: live.debug,
            monitor: live.monitor,
            monitor_age: 0,
            draft: None,
            job: live.job,
            job_age: 0,
            logs: newest_first(live.logs),
            log_level: String::new(),
            link: Link::Connecting,
            restart: Restart::None,
            ready: false,
            ordering: false,
            message: None,
            announcement: String::new(),
            question: None,
            restart_after: true,
            snapshot_first: true,
            strategy: Strategy::Seamless,
            input: String::new(),
            upload: Upload::default(),
            audit: AuditList::default(),
            danger: None,
            danger_form: DangerForm::default(),
            heard: live.heard,
            assessed: Vec::new(),
            started_anew: false,
            queue: resync::Queue::default(),
        });
        parts!(state: system, updates, check, settings, safety, recovery, uploads, debug, monitor, monitor_age, draft, job, job_age, logs, log_level, link, restart,
            ready, ordering, message, announcement, question, restart_after, snapshot_first, strategy, input, upload, audit, danger, danger_form, heard, assessed, started_anew, queue)
    }

    /// What the user of this page may do.
    #[must_use]
    pub fn role(self) -> Role {
        self.state.with_value(|s| s.role)
    }

    /// What decides about buttons, now.
    #[must_use]
    pub fn facts(self) -> Facts {
        let (blocking, blocking_restart) = self.safety.with(rules::blocking);
        Facts {
            role: self.role(),
            connected: self.link.with(|link| *link != Link::Lost),
            restarting: self.restart.with(|restart| matches!(restart, Restart::Announced { .. })),
            ordering: self.ordering.get(),
            checking: self.check.with(|check| check.running),
            holder: self.job.with(|job| job.as_ref().and_then(rules::holder)),
            blocking,
            blocking_restart,
            target: self.system.with(|s| s.partitions.inactive.id),
            running: self.system.with(|s| s.gateway.os_version.clone()),
        }
    }

    /// Takes in what the gateway said, with its number.
    pub fn receive(self, (seq, message): (u64, Heard)) {
        let before = self.heard.peek(|heard| *heard);
        self.heard.set(seq);
        match message {
            // Both are there: the page asks for additions.
            Heard::Progress(update) => {
                if let Some(job) = update.job {
                    self.set_job(Some(job));
                }
            }
            Heard::System(status) => self.set_system_status(&status),
            Heard::Log(line) => self.add_log(line),
            Heard::Safety(assessed) => {
                let mut safety = self.safety.peek(Clone::clone);
                take_in(&mut safety, &assessed);
                self.safety.set(safety);
                self.assessed.update(|since| {
                    since.retain(|older| older.constraint != assessed.constraint);
                    since.push(*assessed);
                });
            }
            Heard::Changed(what) => want(self, wanted(what)),
            Heard::Resync => {
                if is_of_another_run(before, seq) {
                    self.started_anew.set(true);
                }
                want(self, Wanted::ALL)
            }
            Heard::Nothing => {}
        }
    }

    /// Shows the interlocks as they were read, with what the feed has told since they were asked for: that may be newer, and where it is
    /// older the feed tells once more. Announces that an override has begun or is over.
    pub fn set_safety(self, mut safety: Safety) {
        self.assessed.peek(|since| since.iter().for_each(|assessed| take_in(&mut safety, assessed)));
        let before = self.safety.peek(|old| old.force_override);
        if before != safety.force_override {
            self.announcement.set(words::override_announcement(&safety));
        }
        self.safety.set(safety);
    }

    /// Shows a job and announces a change of its state. Slots and updates that change with it, the gateway reports itself.
    pub fn set_job(self, job: Option<Progress>) {
        let moved = self.job.peek(|old| key(old.as_ref()) != key(job.as_ref()));
        if let Some(job) = job.as_ref().filter(|_| moved) {
            self.announcement.set(words::job_sentence(job));
            if words::restarts_by_itself(job) {
                self.restart.set(Restart::Announced { version: job.update.version.clone() });
            } else if job.progress.current_operation == "rolling_back" {
                self.restart.set(Restart::Announced { version: job.from_version.clone() });
            } else {
                // The restart was called off, or is over.
                self.restart.update(|r| {
                    if matches!(r, Restart::Announced { .. }) {
                        *r = Restart::None
                    }
                });
            }
        }
        self.job_age.set(0);
        self.job.set(job);
    }

    fn set_system_status(self, status: &SystemStatus) {
        self.monitor.update(|monitor| {
            monitor.system_status.clone_from(&status.status);
            monitor.current_operation.clone_from(&status.current_operation);
            monitor.resources.cpu_usage = status.resources.cpu_usage;
            monitor.resources.memory_usage =
                format!("{}%", ota_api::human::with_tenths(status.resources.memory_usage));
        });
    }

    fn add_log(self, line: LogLine) {
        // Of what is told while the log is read, some was read.
        let newest = self.logs.peek(|logs| newest(logs));
        if line.id.is_some_and(|id| newest >= Some(id)) || !self.is_shown(&line) {
            return;
        }
        self.logs.update(|logs| {
            logs.insert(0, line);
            logs.truncate(KEPT_LOG_LINES);
        });
    }

    /// Shows what was read of the log. Lines that were told meanwhile are newer and stay.
    fn set_logs(self, read: Vec<LogLine>) {
        let mut read = newest_first(read);
        let newest = newest(&read);
        let mut logs = self.logs.peek(Clone::clone);
        // What the gateway could not store has no number, and is nowhere else.
        logs.retain(|line| (line.id.is_none() || line.id > newest) && self.is_shown(line));
        logs.append(&mut read);
        self.logs.set(logs);
    }

    /// Whether the filter lets it through.
    fn is_shown(self, line: &LogLine) -> bool {
        self.log_level.peek(|level| level.is_empty() || *level == line.level)
    }

    /// The socket is open. The gateway says what this page has missed.
    pub fn connected(self) {
        self.link.set(Link::Up);
        resync::catch_up(self);
    }

    pub fn disconnected(self) {
        if self.link.peek(|link| *link == Link::Up) {
            self.announcement.set(words::lost_connection().to_owned());
        }
        self.link.set(Link::Lost);
    }

    /// Compares what the gateway says now with what it said before: a restart that happened in between is told.
    pub fn set_status(self, status: Status) {
        let announced = self.restart.peek(|restart| matches!(restart, Restart::Announced { .. }));
        let restarted = self.system.peek(|old| {
            old.partitions.active.id != status.partitions.active.id
                || status.gateway.uptime_seconds < old.gateway.uptime_seconds
        });
        let started_anew = self.started_anew.peek(|anew| *anew);
        self.started_anew.set(false);
        // An announced restart that has not happened yet is left standing: the service alone may have started.
        let ahead = self.job.peek(|job| job.as_ref().is_some_and(words::restarts_by_itself));
        if restarted || (announced && started_anew && !ahead) {
            let sentence = words::returned(&status);
            self.announcement.set(sentence.clone());
            self.restart.set(Restart::Returned { sentence });
        }
        self.system.set(status);
    }

    /// Asks for the connection at once instead of after the pause.
    pub fn try_now(self) {
        #[cfg(feature = "hydrate")]
        socket::try_now(self);
    }
}

fn take_in(safety: &mut Safety, Assessed { constraint, current }: &Assessed) {
    if let Some(current) = current {
        safety.set(constraint, current.clone());
    }
}

/// The greatest number of a line.
fn newest(logs: &[LogLine]) -> Option<u64> {
    logs.iter().filter_map(|line| line.id).max()
}

/// What makes two reports of a job differ in more than figures.
fn key(job: Option<&Progress>) -> Option<(&str, &str, bool, bool)> {
    job.map(|j| {
        let going_back = j.progress.current_operation == "rolling_back";
        (j.job_id.as_str(), j.status.as_str(), j.armed, going_back)
    })
}

const fn wanted(topic: Topic) -> Wanted {
    match topic {
        Topic::Status => Wanted::STATUS,
        Topic::Updates => Wanted::UPDATES,
        Topic::Settings => Wanted::SETTINGS_AND_MONITOR,
        Topic::Outlook => Wanted::UPDATES_AND_MONITOR,
        Topic::Safety => Wanted::SAFETY,
        Topic::Recovery => Wanted::RECOVERY,
        Topic::Uploads => Wanted::UPLOADS,
        Topic::Debug => Wanted::DEBUG,
    }
}

/// The order in which the log is shown, whichever way it came.
#[must_use]
pub fn newest_first(mut lines: Vec<LogLine>) -> Vec<LogLine> {
    let ascending = matches!((lines.first(), lines.last()), (Some(a), Some(z)) if a.timestamp < z.timestamp);
    if ascending {
        lines.reverse();
    }
    lines
}
