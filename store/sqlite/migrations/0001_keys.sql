-- API keys, settings, and the number that tells other processes of changes.
-- Times are nanoseconds since 1970 in UTC; NULL is "not set".

CREATE TABLE api_key (
    id             TEXT    NOT NULL PRIMARY KEY,
    name           TEXT    NOT NULL,
    org            TEXT    NOT NULL,
    app            TEXT    NOT NULL,
    env            TEXT    NOT NULL CHECK (env IN ('live', 'test')),
    verifier       BLOB    NOT NULL CHECK (length(verifier) = 32),
    pepper_version INTEGER NOT NULL,
    scopes         TEXT    NOT NULL, -- separated by one space, in their order
    rate           INTEGER NOT NULL,
    burst          INTEGER NOT NULL,
    created        INTEGER,
    expires        INTEGER,
    revoked        INTEGER,
    last_used      INTEGER,
    seal           BLOB    NOT NULL CHECK (length(seal) = 32)
) STRICT, WITHOUT ROWID;

CREATE TABLE setting (
    name  TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE epoch (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    n   INTEGER NOT NULL
) STRICT;

INSERT INTO epoch VALUES (1, 0);
