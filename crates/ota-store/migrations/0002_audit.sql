-- The audit log: a chain of records, each with the hash of the one before. Records are only ever added.
--
-- `at` is the text that was hashed (RFC 3339, whole seconds). `seq` gives the order.

CREATE TABLE audit (
    seq      INTEGER PRIMARY KEY CHECK (seq > 0),
    at       TEXT NOT NULL,
    actor    TEXT NOT NULL,
    origin   TEXT NOT NULL,
    address  TEXT NOT NULL,
    action   TEXT NOT NULL,
    subject  TEXT NOT NULL,
    reason   TEXT NOT NULL,
    outcome  TEXT NOT NULL,
    code     TEXT NOT NULL,
    detail   TEXT NOT NULL,
    previous TEXT NOT NULL,
    hash     TEXT NOT NULL
) STRICT;

CREATE INDEX audit_action ON audit (action);

-- Where the log ends, in a second place: a record that is cut off at the end is missed, for good, because the next one
-- continues from here. `size`: bytes of all texts.
CREATE TABLE audit_head (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    seq  INTEGER NOT NULL,
    hash TEXT    NOT NULL,
    size INTEGER NOT NULL
) STRICT;

CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

CREATE TRIGGER audit_is_not_shortened BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

-- REPLACE deletes without asking the trigger above.
CREATE TRIGGER audit_is_not_replaced BEFORE INSERT ON audit
WHEN EXISTS (SELECT 1 FROM audit WHERE seq = NEW.seq)
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

CREATE TRIGGER audit_head_goes_on BEFORE UPDATE ON audit_head
WHEN NEW.seq <> OLD.seq + 1
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

CREATE TRIGGER audit_head_stays BEFORE DELETE ON audit_head
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
