-- Jobs that the releases before this one cannot read: other kinds than updates, and updates in a step that those releases do not
-- know. They read every row of `job`, and one that they do not understand would keep them from starting after a rollback.
--
-- A job is in one of the two tables, and moves when its form changes. `ordinal` counts through both, and a job
-- that moves becomes the newest.

CREATE TABLE operation (
    ordinal    INTEGER PRIMARY KEY,
    id         TEXT    NOT NULL UNIQUE,
    created_at TEXT    NOT NULL,
    ended      INTEGER NOT NULL,
    state      TEXT    NOT NULL,
    body       TEXT    NOT NULL
) STRICT;

CREATE INDEX operation_open ON operation (ordinal) WHERE ended = 0;

CREATE VIEW any_job AS
    SELECT ordinal, id, created_at, ended, state, body FROM job
    UNION ALL
    SELECT ordinal, id, created_at, ended, state, body FROM operation;
