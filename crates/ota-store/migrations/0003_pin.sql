-- `tries` counts tries since the last right one and is raised before a PIN is compared: who pulls the plug meanwhile has
-- used up the try.
CREATE TABLE pin (
    kind  TEXT PRIMARY KEY,
    hash  TEXT    NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0 CHECK (tries >= 0)
) STRICT, WITHOUT ROWID;
