-- Records with the change that wrote them last, and the processes that follow them.
-- The tables of keys and settings go: they were those of versions that were never
-- released, and their keys are made again.

DROP TABLE api_key;
DROP TABLE setting;

CREATE TABLE record (
    kind  TEXT    NOT NULL,
    id    TEXT    NOT NULL,
    body  BLOB, -- NULL: it was deleted; the row stays to tell so
    epoch INTEGER NOT NULL,
    PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;

-- Its entries end with the primary key, so Since reads it in order without sorting.
CREATE INDEX record_epoch ON record (epoch);

CREATE TABLE node (
    id    TEXT    NOT NULL PRIMARY KEY,
    name  TEXT    NOT NULL,
    epoch INTEGER NOT NULL,
    until INTEGER NOT NULL -- nanoseconds since 1970 in UTC
) STRICT, WITHOUT ROWID;
