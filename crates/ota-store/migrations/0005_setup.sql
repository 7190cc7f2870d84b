-- First-run set-up is open until somebody may log in, and closed from then on. A factory reset removes the row.
CREATE TABLE setup (
    only      INTEGER PRIMARY KEY CHECK (only = 1),
    closed_at TEXT NOT NULL
) STRICT;

INSERT INTO setup (only, closed_at)
    SELECT 1, MIN(created_at) FROM account HAVING COUNT(*) > 0;

-- Also when an older release adds the user.
CREATE TRIGGER account_closes_setup AFTER INSERT ON account
BEGIN INSERT INTO setup (only, closed_at) VALUES (1, NEW.created_at) ON CONFLICT (only) DO NOTHING; END;
