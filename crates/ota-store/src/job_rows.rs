//! Jobs as rows. The first releases fail on a row that they cannot read, and they read the table `job`: what they do not know is in
//! another one. This release passes over what a newer one has saved.

use crate::{
    SqliteStore, audit,
    error::failed,
    row::{damaged, is_of_newer_release, time_text, to_json},
};
use jiff::Timestamp;
use ota_core::{AuditEntry, ForeignJob, HoldPoint, InstallStep, Job, JobState, Work};
use ota_engine::ports::StoreError;
use serde_json::{Map, Value};
use sqlx::{Sqlite, Transaction};

/// A job in its saved form.
pub(crate) struct Row<'a> {
    job: &'a Job,
    body: String,
}

impl SqliteStore {
    pub(crate) async fn write_jobs(
        &self,
        jobs: &[&Job],
        at: Timestamp,
        entries: &[AuditEntry],
    ) -> Result<(), StoreError> {
        let rows = jobs.iter().map(|job| row_of(job)).collect::<Result<_, StoreError>>()?;
        self.write_rows(rows, at, entries).await.map_err(failed("saving the job"))
    }

    async fn write_rows(
        &self,
        rows: Vec<Row<'_>>,
        at: Timestamp,
        entries: &[AuditEntry],
    ) -> Result<(), sqlx::Error> {
        let mut transaction = self.begin().await?;
        for row in rows {
            write_row(&mut transaction, &row).await?;
        }
        let records = audit::append(&mut transaction, at, entries).await?;
        transaction.commit().await?;
        audit::tell(&records);
        Ok(())
    }
}

/// The job's saved form.
pub(crate) fn row_of(job: &Job) -> Result<Row<'_>, StoreError> {
    Ok(Row { job, body: to_json(format_args!("job {}", job.id), job)? })
}

/// Puts the row where its form belongs. One that moves becomes the newest: its number may have been given to another one there.
pub(crate) async fn write_row(
    transaction: &mut Transaction<'_, Sqlite>,
    row: &Row<'_>,
) -> Result<(), sqlx::Error> {
    let (insert, delete) = if is_known_to_older_releases(row.job) {
        (INSERT_JOB, "DELETE FROM operation WHERE id = ?1")
    } else {
        (INSERT_OPERATION, "DELETE FROM job WHERE id = ?1")
    };
    let id = row.job.id.as_str();
    sqlx::query(delete).bind(id).execute(&mut **transaction).await?;
    sqlx::query(insert)
        .bind(id)
        .bind(time_text(row.job.created_at))
        .bind(row.job.state.is_ended())
        .bind(row.job.state.name())
        .bind(&row.body)
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

const INSERT_JOB: &str = "INSERT INTO job (ordinal, id, created_at, ended, state, body)
    VALUES ((SELECT COALESCE(MAX(ordinal), 0) + 1 FROM any_job), ?1, ?2, ?3, ?4, ?5)
    ON CONFLICT (id) DO UPDATE SET created_at = excluded.created_at, ended = excluded.ended,
                                   state = excluded.state, body = excluded.body";

const INSERT_OPERATION: &str = "INSERT INTO operation (ordinal, id, created_at, ended, state, body)
    VALUES ((SELECT COALESCE(MAX(ordinal), 0) + 1 FROM any_job), ?1, ?2, ?3, ?4, ?5)
    ON CONFLICT (id) DO UPDATE SET created_at = excluded.created_at, ended = excluded.ended,
                                   state = excluded.state, body = excluded.body";

/// Whether the saved form has only what the first releases knew.
const fn is_known_to_older_releases(job: &Job) -> bool {
    let new_state = matches!(
        job.state,
        JobState::Creating
            | JobState::Completed
            | JobState::Installing { step: InstallStep::Snapshot }
            | JobState::Rolling { .. }
            | JobState::Held { at: HoldPoint::Component { .. }, .. }
    );
    matches!(job.work, Work::Release(_)) && !new_state
}

/// A saved job, as far as this release understands it.
pub(crate) enum Saved {
    Known(Box<Job>),
    Foreign(ForeignJob),
}

impl Saved {
    pub(crate) fn known(self) -> Option<Job> {
        match self {
            Self::Known(job) => Some(*job),
            Self::Foreign(_) => None,
        }
    }
}

/// Id, word of the state, and saved form.
pub(crate) type JobRow = (String, String, String);

/// Reads a row. One that is neither understood nor of a newer release is damaged.
pub(crate) fn read_row(row: &JobRow) -> Result<Saved, StoreError> {
    let (id, _, body) = row;
    serde_json::from_str(body).map(|job| Saved::Known(Box::new(job))).or_else(|error| {
        match foreign(row, &error) {
            Some(foreign) => Ok(Saved::Foreign(foreign)),
            None => Err(damaged(format_args!("job {id}"), error)),
        }
    })
}

/// A job that is whole, and of a kind, in a state or with another name that this release does not know.
fn foreign((id, state, body): &JobRow, error: &serde_json::Error) -> Option<ForeignJob> {
    let body: Map<String, Value> = serde_json::from_str(body).ok()?;
    let text = |member: &str| body.get(member).and_then(Value::as_str);
    if text("id") != Some(id) {
        return None;
    }
    let new_kind = !Work::MEMBERS.iter().any(|member| body.contains_key(*member));
    let new = new_kind || !JobState::NAMES.contains(&state.as_str()) || is_of_newer_release(error);
    let target = text("target").and_then(|slot| slot.parse().ok());
    new.then(|| ForeignJob { id: id.clone(), state: state.clone(), target })
}
