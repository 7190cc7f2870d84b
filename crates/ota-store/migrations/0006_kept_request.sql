-- What a client has ordered under a key of its own, and what it was answered: the same request is not carried out twice.
CREATE TABLE kept_request (
    session     BLOB NOT NULL REFERENCES session (token_hash) ON DELETE CASCADE,
    key         TEXT NOT NULL,
    -- Of route, condition and body, and salted with the token, which is not here: a body may hold a PIN.
    fingerprint BLOB NOT NULL,
    begun_at    TEXT NOT NULL,
    -- Null until it is answered.
    status      INTEGER,
    body        BLOB,
    -- Headers of the answer, where it had them.
    location    TEXT,
    entity_tag  TEXT,
    PRIMARY KEY (session, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX kept_request_age ON kept_request (session, begun_at);
