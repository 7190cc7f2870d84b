-- After a rollback the previous release of the software opens the database that the newer one left. So migrations only
-- ever add tables, and columns that are optional or have a default; they never rename, retype or drop.
--
-- Times are RFC 3339 in UTC with nine decimals: as text they sort as time does.

CREATE TABLE counter (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- `ordinal` is the order in which jobs were first saved: it stays right when the clock of the gateway is set.
CREATE TABLE job (
    ordinal    INTEGER PRIMARY KEY,
    id         TEXT    NOT NULL UNIQUE,
    created_at TEXT    NOT NULL,
    ended      INTEGER NOT NULL,
    state      TEXT    NOT NULL,
    body       TEXT    NOT NULL
) STRICT;

CREATE INDEX job_open ON job (ordinal) WHERE ended = 0;

CREATE TABLE slot_record (
    slot TEXT PRIMARY KEY,
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE catalog (
    only       INTEGER PRIMARY KEY CHECK (only = 1),
    releases   TEXT NOT NULL,
    checked_at TEXT NOT NULL
) STRICT;

CREATE TABLE settings (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    body TEXT NOT NULL
) STRICT;

CREATE TABLE fact (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE activity (
    id      INTEGER PRIMARY KEY,
    at      TEXT NOT NULL,
    level   TEXT NOT NULL,
    source  TEXT NOT NULL,
    message TEXT NOT NULL
) STRICT;

CREATE INDEX activity_level ON activity (level);

CREATE TABLE account (
    name          TEXT PRIMARY KEY,
    role          TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    created_at    TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Only the hash of a token is kept: who reads the database cannot use a session.
CREATE TABLE session (
    token_hash      BLOB PRIMARY KEY CHECK (length(token_hash) = 32),
    account         TEXT NOT NULL REFERENCES account (name) ON DELETE CASCADE,
    created_at      TEXT NOT NULL,
    last_seen       TEXT NOT NULL,
    idle_expires_at TEXT NOT NULL,
    expires_at      TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX session_account ON session (account);
