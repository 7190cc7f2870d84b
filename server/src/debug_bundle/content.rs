//! What is in a bundle.

use super::archive::{Content, Entry};
use super::redact::{named, redacted, tree};
use super::{DebugShelf, blocking, failed, stream};
use app::api::convert;
use ota_core::Job;
use ota_engine::ports::{AuditQuery, DebugContent, LogEntry, LogQuery, Scene, StepError, Store, StoreError};
use serde::Serialize;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Jobs, the newest.
const JOBS: u32 = 200;
/// Lines of the activity log, the newest: all that the gateway keeps.
const LINES: u32 = 10_000;
/// Records of the audit log that are read at a time.
const RECORDS: u32 = 500;

impl DebugShelf {
    /// Everything but the audit log and the service's own, which may be long.
    pub(super) async fn texts(&self, content: DebugContent, scene: &Scene) -> Result<Vec<Entry>, StepError> {
        let jobs = self.store.recent_jobs(JOBS).await.map_err(|error| unread(&error))?;
        let log = match content.logs {
            true => self.store.logs(&LogQuery::newest(LINES)).await.map_err(|error| unread(&error))?.entries,
            false => Vec::new(),
        };
        let (this, scene) = (self.clone(), scene.clone());
        blocking(move || Ok(this.texts_of(content, &scene, &jobs, &log))).await
    }

    fn texts_of(&self, content: DebugContent, scene: &Scene, jobs: &[Job], log: &[LogEntry]) -> Vec<Entry> {
        let snapshot = scene.snapshot.as_ref();
        let mut entries = vec![
            entry("about.json", &about(content, scene)),
            entry("status.json", &convert::status(snapshot)),
            entry("safety.json", &convert::safety(snapshot, scene.at)),
            entry("monitor.json", &convert::monitor(snapshot, jiff::Timestamp::now())),
            entry("updates.json", &convert::updates(snapshot)),
            entry("recovery.json", &convert::recovery(snapshot)),
            entry("uploads.json", &convert::uploads(snapshot)),
            entry("slots.json", &slots(scene)),
            entry("jobs.json", jobs),
        ];
        if content.logs {
            entries.push(Entry::text("activity.log", lines(log)));
        }
        if content.configs {
            entries.push(Entry::text("configuration.toml", self.configuration.clone()));
            entries.push(entry("settings.json", snapshot.settings.as_ref()));
            entries.push(Entry::text("boot-environment.txt", self.environment()));
        }
        if content.metrics {
            entries.push(entry("resources.json", &self.resources(scene)));
            if let Some(metrics) = &self.metrics {
                entries.push(Entry::text("metrics.txt", metrics.render(snapshot, scene.ready)));
            }
        }
        entries
    }

    /// Bytes of what is not among the texts: the audit log and the service's own.
    pub(super) async fn stream_size(&self) -> Result<u64, StepError> {
        let query = AuditQuery { limit: 1, ..AuditQuery::default() };
        let audit = self.store.audit(&query).await.map_err(|error| unread(&error))?.size;
        let log = self.service_log.clone();
        let log = blocking(move || log.map_or_else(|| Ok(Vec::new()), |log| log.written())).await?;
        Ok(log.iter().fold(audit, |sum, part| sum.saturating_add(part.limit())))
    }

    /// What the service has written to its error output, as far as it is kept.
    pub(super) async fn service_log(&self) -> Result<Option<Entry>, StepError> {
        let Some(log) = self.service_log.clone() else { return Ok(None) };
        let (size, reader) = blocking(move || stream::service_log(&log)).await?;
        Ok(Some(Entry { name: "service.log", content: Content::Stream(size, reader) }))
    }

    /// The audit log of this moment: its last record, and its length. Records do not change, so that it is read again while the archive
    /// is written, and never held as a whole.
    pub(super) async fn measure_audit_log(
        &self,
        cancel: &CancellationToken,
    ) -> Result<(u64, u64), StepError> {
        let (mut last, mut size) = (0, 0);
        loop {
            let records = self.audit_records(last, u64::MAX).await.map_err(|error| failed(&error))?;
            let Some((newest, text)) = records else { return Ok((last, size)) };
            (last, size) = (newest, size + text.len() as u64);
            if cancel.is_cancelled() {
                return Err(StepError::Cancelled);
            }
        }
    }

    /// Sends the audit log up to record `end`; whoever takes it may go away.
    pub(super) async fn send_audit_log(&self, end: u64, pieces: mpsc::Sender<io::Result<Vec<u8>>>) {
        let mut last = 0;
        while last < end {
            let piece = match self.audit_records(last, end).await {
                Ok(Some((newest, text))) => {
                    last = newest;
                    Ok(text)
                }
                Ok(None) => return,
                Err(error) => Err(error),
            };
            let failed = piece.is_err();
            if pieces.send(piece).await.is_err() || failed {
                return;
            }
        }
    }

    /// Lines of the records after `after` and up to `end`, with the number of the last one.
    async fn audit_records(&self, after: u64, end: u64) -> io::Result<Option<(u64, Vec<u8>)>> {
        let records = self.store.audit_after(after, RECORDS).await.map_err(io::Error::other)?;
        let (mut last, mut text) = (None, Vec::new());
        for record in records.iter().filter(|record| record.seq <= end) {
            // As it is: a record without one of its letters could not be verified any more. No secret goes into it.
            serde_json::to_writer(&mut text, record)?;
            text.push(b'\n');
            last = Some(record.seq);
        }
        Ok(last.map(|last| (last, text)))
    }

    /// As `fw_printenv` shows it; why not, where it cannot be read: then that is what somebody looks for.
    fn environment(&self) -> String {
        match ota_platform::boot_variables(&self.environment) {
            Ok(variables) => {
                variables.iter().map(|(name, value)| format!("{name}={}\n", named(name, value))).collect()
            }
            Err(error) => format!("It cannot be read: {}\n", crate::wiring::causes(&error)),
        }
    }

    fn resources(&self, scene: &Scene) -> Value {
        let used = scene.snapshot.resources;
        let disk = rustix::fs::statvfs(&self.directory).ok().map(|disk| {
            let bytes = |blocks: u64| blocks.saturating_mul(disk.f_frsize);
            json!({ "size_bytes": bytes(disk.f_blocks), "free_bytes": bytes(disk.f_bavail) })
        });
        json!({
            "cpu_percent": used.cpu, "memory_percent": used.memory, "data_disk": disk,
            "uptime_seconds": scene.snapshot.uptime.as_secs(),
        })
    }
}

fn about(content: DebugContent, scene: &Scene) -> Value {
    let snapshot = scene.snapshot.as_ref();
    let system = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    json!({
        "made_at": scene.at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "program": env!("CARGO_PKG_VERSION"),
        "gateway": { "id": snapshot.site.id, "model": snapshot.site.model },
        "kernel": snapshot.kernel.as_ref(),
        "os_release": system.lines().collect::<Vec<_>>(),
        "ready": scene.ready,
        "logs": content.logs, "configs": content.configs, "metrics": content.metrics,
    })
}

fn slots(scene: &Scene) -> Value {
    let snapshot = scene.snapshot.as_ref();
    let slot = |id| {
        let view = snapshot.slots.get(id);
        json!({
            "record": view.record, "health": view.health.as_str(), "size_bytes": view.usage.size,
            "used_bytes": view.usage.used, "tries_left": snapshot.boot.left.get(id),
        })
    };
    json!({
        "booted": snapshot.running.to_string(), "boot_order": snapshot.boot.order_variable(),
        "A": slot(ota_core::SlotId::A), "B": slot(ota_core::SlotId::B),
    })
}

/// Oldest first, as logs are read.
fn lines(entries: &[LogEntry]) -> String {
    let mut text = String::new();
    for entry in entries.iter().rev() {
        let LogEntry { at, level, source, message, .. } = entry;
        // A string takes whatever is written into it.
        let _ = writeln!(text, "{at} {} {source}: {message}", level.as_str());
    }
    redacted(&text)
}

fn entry(name: &'static str, value: &(impl Serialize + ?Sized)) -> Entry {
    // Our own types, whose keys are texts: this does not fail, and if it did, the bundle should say so.
    let shown = serde_json::to_value(value).and_then(|value| serde_json::to_string_pretty(&tree(value)));
    Entry::text(name, shown.unwrap_or_else(|error| format!("It cannot be shown: {error}\n")))
}

fn unread(error: &StoreError) -> StepError {
    failed(&std::io::Error::other(error.to_string()))
}
