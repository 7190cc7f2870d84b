//! `audit`: reads, exports and verifies the audit log; works without the service.

use super::{Failure, open_store, output};
use clap::Subcommand;
use ota_core::{AuditAction, AuditHead, AuditOutcome, AuditRecord, ChainCheck, ChainFault};
use ota_engine::ports::{AuditQuery, Store};
use ota_store::SqliteStore;
use serde_json::json;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

/// Records that are read at a time.
const CHUNK: u32 = 500;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Looks whether every record is as it was written and none is missing: in the database, or in an exported file.
    Verify {
        /// An export, to be verified on its own.
        file: Option<PathBuf>,
        /// An earlier export that the database must still contain.
        #[arg(long, value_name = "EXPORT", conflicts_with = "file")]
        against: Option<PathBuf>,
        #[arg(long)]
        json: bool,
    },
    /// Prints all records, one JSON object a line, oldest first.
    Export,
    /// Prints the newest records, newest first.
    List {
        #[arg(long, default_value_t = 50)]
        limit: u32,
        #[arg(long)]
        action: Option<AuditAction>,
        #[arg(long)]
        actor: Option<String>,
        #[arg(long, value_parser = AuditOutcome::NAMES)]
        outcome: Option<String>,
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(command: Command, data_dir: &Path) -> Result<(), Failure> {
    match command {
        Command::Verify { file: Some(file), json, .. } => told(file_is_whole(&file)?, json),
        Command::Verify { against, json, .. } => {
            let kept = against.map(|file| file_is_whole(&file)).transpose()?;
            let kept = kept.transpose().map_err(|broken| broken.failure("the earlier export"))?;
            let store = open_store(data_dir, false).await?;
            let verified = database_is_whole(&store, kept.as_ref()).await;
            store.close().await;
            told(verified?, json)
        }
        Command::Export => {
            let store = open_store(data_dir, false).await?;
            let done = export(&store).await;
            store.close().await;
            done
        }
        Command::List { limit, action, actor, outcome, json } => {
            let store = open_store(data_dir, false).await?;
            let page = store.audit(&AuditQuery { limit, before: None, action, actor, outcome }).await;
            store.close().await;
            list(&page.map_err(Failure::failed)?.records, json)
        }
    }
}

/// A log that is not what was written.
struct Broken {
    /// What holds up to the fault.
    whole: AuditHead,
    /// The record with the fault.
    record: u64,
    fault: String,
}

impl Broken {
    fn failure(&self, what: &str) -> Failure {
        Failure::refused(format!("{what} is not whole: {}", self.fault))
    }
}

type Verdict = Result<AuditHead, Broken>;

fn broken(check: &ChainCheck, fault: &ChainFault) -> Broken {
    Broken { whole: check.head().clone(), record: fault.record(), fault: fault.to_string() }
}

fn told(verdict: Verdict, as_json: bool) -> Result<(), Failure> {
    match verdict {
        Ok(head) if as_json => output::json(&json!({ "valid": true, "head": head })),
        Ok(AuditHead { seq, hash }) => {
            output::line(format!("The audit log is whole: {seq} records."));
            output::line(format!("Head  {seq} {hash}"));
            Ok(())
        }
        Err(broken) => {
            let Broken { whole, record, fault } = &broken;
            let object = json!({ "valid": false, "record": record, "fault": fault, "head": whole });
            if as_json && output::json(&object).is_ok() {
                return Err(Failure::refused(""));
            }
            Err(broken.failure("the audit log"))
        }
    }
}

fn file_is_whole(path: &Path) -> Result<Verdict, Failure> {
    let failed = |error: std::io::Error| Failure::failed(format!("cannot read {}: {error}", path.display()));
    let mut check = ChainCheck::default();
    for (number, line) in (1_u64..).zip(BufReader::new(File::open(path).map_err(failed)?).lines()) {
        // A line that is no text is no record either.
        let line = match line {
            Err(error) if error.kind() != std::io::ErrorKind::InvalidData => return Err(failed(error)),
            line => line.map_err(|error| error.to_string()),
        };
        let record = line
            .and_then(|line| serde_json::from_str::<AuditRecord>(&line).map_err(|error| error.to_string()));
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                let fault = format!("line {number} is not a record of an audit log: {error}");
                return Ok(Err(Broken { whole: check.head().clone(), record: number, fault }));
            }
        };
        if let Err(fault) = check.push(&record) {
            return Ok(Err(broken(&check, &fault)));
        }
    }
    Ok(Ok(check.head().clone()))
}

/// `kept` must be the end of the first part of it.
async fn database_is_whole(store: &SqliteStore, kept: Option<&AuditHead>) -> Result<Verdict, Failure> {
    let mut check = ChainCheck::default();
    loop {
        let records = store.audit_after(check.head().seq, CHUNK).await.map_err(Failure::failed)?;
        for record in &records {
            if let Err(fault) = check.push(record) {
                return Ok(Err(broken(&check, &fault)));
            }
            if let Some(kept) = kept.filter(|kept| kept.seq == record.seq && kept.hash != record.hash) {
                return Ok(Err(broken(&check, &ChainFault::Rewritten(kept.seq))));
            }
        }
        if records.is_empty() {
            let head = store.audit_head().await.map_err(Failure::failed)?;
            let seen = check.head().seq;
            let appended =
                seen < head.seq && !store.audit_after(seen, 1).await.map_err(Failure::failed)?.is_empty();
            if appended {
                // By the service, meanwhile.
                continue;
            }
            let ends = check.ends_at(&head).and(match kept {
                Some(kept) if kept.seq > seen => Err(ChainFault::CutOff { last: seen, head: kept.seq }),
                _ => Ok(()),
            });
            return Ok(ends.map(|()| head).map_err(|fault| broken(&check, &fault)));
        }
    }
}

async fn export(store: &SqliteStore) -> Result<(), Failure> {
    let mut last = 0;
    loop {
        let records = store.audit_after(last, CHUNK).await.map_err(Failure::failed)?;
        for record in &records {
            output::line(serde_json::to_string(record).map_err(Failure::failed)?);
            last = record.seq;
        }
        if records.is_empty() {
            return Ok(());
        }
    }
}

fn list(records: &[AuditRecord], as_json: bool) -> Result<(), Failure> {
    if as_json {
        return output::json(&records);
    }
    for record in records {
        let AuditRecord { seq, at, actor, origin, address, action, subject, outcome, code, .. } = record;
        let from = if address.is_empty() { origin } else { address };
        let told = [&record.reason, &record.detail].into_iter().filter(|text| !text.is_empty());
        let told: Vec<_> = told.map(String::as_str).collect();
        output::line(format!(
            "{seq}\t{at}\t{actor}\t{from}\t{action}\t{subject}\t{outcome} {code}\t{}",
            told.join(" | ")
        ));
    }
    Ok(())
}
