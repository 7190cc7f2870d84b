//! Jobs as rows. Older releases read the table `job`, so what they cannot read is in another one.

use crate::{
    SqliteStore, audit,
    error::failed,
    row::{from_json, time_text, to_json},
};
use jiff::Timestamp;
use ota_core::{AuditEntry, InstallStep, Job, JobState, Work};
use ota_engine::ports::StoreError;
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
        JobState::Creating | JobState::Completed | JobState::Installing { step: InstallStep::Snapshot }
    );
    matches!(job.work, Work::Release(_)) && !new_state
}

pub(crate) fn jobs_of(rows: Vec<(String, String)>) -> Result<Vec<Job>, StoreError> {
    rows.into_iter().map(|(id, body)| from_json(format_args!("job {id}"), &body)).collect()
}
