use super::AuditEntry;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// First of what is hashed: the form of a record. Another form would have another name.
const FORM: &str = "gateway-ota audit 1";
/// Characters of a text that are kept.
const LONGEST: usize = 500;

/// One record of the audit log, as it is kept and exported: all of it is text that a later or an earlier release can read
/// and verify, also where it does not know the action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AuditRecord {
    /// Counts from 1 without gaps.
    pub seq: u64,
    /// RFC 3339 in UTC, whole seconds. Text, so that a record that was tampered with can be read and named.
    pub at: String,
    pub actor: String,
    /// `remote`, `local`, `schedule` or `system`.
    pub origin: String,
    /// Address of a remote actor, else empty.
    pub address: String,
    pub action: String,
    pub subject: String,
    pub reason: String,
    /// `attempted`, `succeeded`, `refused` or `failed`.
    pub outcome: String,
    /// Why it was refused or failed, else empty.
    pub code: String,
    pub detail: String,
    /// Hash of the record before; zeros for the first.
    pub previous: String,
    /// SHA-256 of all the above, lower-case hexadecimal.
    pub hash: String,
}

/// Where a chain ends. Kept elsewhere, it proves that nothing up to here was changed or taken away since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditHead {
    /// Number of the last record; 0 when there is none.
    pub seq: u64,
    pub hash: String,
}

impl AuditHead {
    /// Before the first record.
    #[must_use]
    pub fn genesis() -> Self {
        Self { seq: 0, hash: "0".repeat(64) }
    }
}

impl AuditRecord {
    /// The record that follows `head`.
    ///
    /// Texts are cut to 500 characters, and control characters become spaces: a record is also read on terminals.
    #[must_use]
    pub fn seal(head: &AuditHead, at: Timestamp, entry: &AuditEntry) -> Self {
        let mut record = Self {
            seq: head.seq.saturating_add(1),
            at: at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            actor: clean(&entry.actor.name),
            origin: entry.actor.origin.as_str().to_owned(),
            address: clean(entry.actor.origin.address()),
            action: entry.action.as_str().to_owned(),
            subject: clean(&entry.subject),
            reason: clean(&entry.reason),
            outcome: entry.outcome.as_str().to_owned(),
            code: clean(entry.outcome.code()),
            detail: clean(&entry.detail),
            previous: head.hash.clone(),
            hash: String::new(),
        };
        record.hash = record.digest();
        record
    }

    /// The end of a chain that ends with this record.
    #[must_use]
    pub fn head(&self) -> AuditHead {
        AuditHead { seq: self.seq, hash: self.hash.clone() }
    }

    /// Bytes of its texts.
    #[must_use]
    pub fn size(&self) -> u64 {
        let seq = self.seq.to_string();
        let bytes: usize = self.texts(&seq).iter().map(|text| text.len()).sum();
        bytes.saturating_add(self.hash.len()) as u64
    }

    /// The hash that belongs to the content: SHA-256 over each text in its order, before it its length in bytes as 8 bytes,
    /// big-endian.
    fn digest(&self) -> String {
        let seq = self.seq.to_string();
        let mut hash = Sha256::new();
        for text in self.texts(&seq) {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text.as_bytes());
        }
        hex::encode(hash.finalize())
    }

    fn texts<'a>(&'a self, seq: &'a str) -> [&'a str; 13] {
        [
            FORM,
            &self.previous,
            seq,
            &self.at,
            &self.actor,
            &self.origin,
            &self.address,
            &self.action,
            &self.subject,
            &self.reason,
            &self.outcome,
            &self.code,
            &self.detail,
        ]
    }
}

fn clean(text: &str) -> String {
    text.chars().take(LONGEST).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// What is wrong with a chain. The records before the one that is named are as they were written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainFault {
    #[error("record {0} was changed: its hash does not belong to what it says")]
    Changed(u64),
    #[error("record {0} does not follow the one before it: its hash of that record is another one")]
    Unlinked(u64),
    #[error("record {expected} is missing: record {found} stands in its place")]
    Missing { expected: u64, found: u64 },
    #[error("record {found} stands in the place of record {expected}: records were added, repeated or moved")]
    OutOfOrder { expected: u64, found: u64 },
    #[error("the records after {last} are missing: there were {head}")]
    CutOff { last: u64, head: u64 },
    #[error("record {0} is another one than in the earlier export: the log was written anew")]
    Rewritten(u64),
    #[error("the end of the log does not fit its last record, {0}")]
    WrongHead(u64),
}

impl ChainFault {
    /// The number of the first record that is not as it was written.
    #[must_use]
    pub const fn record(&self) -> u64 {
        match self {
            Self::Changed(seq) | Self::Unlinked(seq) | Self::Rewritten(seq) | Self::WrongHead(seq) => *seq,
            Self::Missing { expected, .. } | Self::OutOfOrder { expected, .. } => *expected,
            Self::CutOff { last, .. } => last.saturating_add(1),
        }
    }
}

/// Looks at one record after the other.
#[derive(Debug, Clone)]
pub struct ChainCheck {
    head: AuditHead,
}

impl Default for ChainCheck {
    fn default() -> Self {
        Self { head: AuditHead::genesis() }
    }
}

impl ChainCheck {
    /// The record must be the one that follows.
    ///
    /// # Errors
    /// [`ChainFault`]; the check is over then.
    pub fn push(&mut self, record: &AuditRecord) -> Result<(), ChainFault> {
        let (expected, found) = (self.head.seq.saturating_add(1), record.seq);
        if found > expected {
            return Err(ChainFault::Missing { expected, found });
        }
        if found < expected {
            return Err(ChainFault::OutOfOrder { expected, found });
        }
        if record.digest() != record.hash {
            return Err(ChainFault::Changed(found));
        }
        if record.previous != self.head.hash {
            return Err(ChainFault::Unlinked(found));
        }
        self.head = record.head();
        Ok(())
    }

    /// The end of what was looked at.
    #[must_use]
    pub const fn head(&self) -> &AuditHead {
        &self.head
    }

    /// Compares the end with what a second place says about it.
    ///
    /// # Errors
    /// [`ChainFault::CutOff`] and [`ChainFault::WrongHead`].
    pub fn ends_at(&self, head: &AuditHead) -> Result<(), ChainFault> {
        if self.head.seq < head.seq {
            return Err(ChainFault::CutOff { last: self.head.seq, head: head.seq });
        }
        if self.head == *head { Ok(()) } else { Err(ChainFault::WrongHead(self.head.seq)) }
    }
}

/// Verifies records that stand in their order, from the first on.
///
/// # Errors
/// The first [`ChainFault`].
pub fn verify_chain<'a>(records: impl IntoIterator<Item = &'a AuditRecord>) -> Result<AuditHead, ChainFault> {
    let mut check = ChainCheck::default();
    for record in records {
        check.push(record)?;
    }
    Ok(check.head)
}
