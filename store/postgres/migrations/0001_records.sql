-- Records with the change that wrote them last, the number of the last change, and the
-- processes that follow. Text is in the order of bytes, whatever that of the database.

CREATE TABLE record (
    kind  text COLLATE "C" NOT NULL,
    id    text COLLATE "C" NOT NULL,
    body  bytea, -- NULL: it was deleted; the row stays to tell so
    epoch bigint NOT NULL,
    PRIMARY KEY (kind, id)
);

CREATE INDEX record_epoch ON record (epoch, kind, id);

CREATE TABLE epoch (
    one integer PRIMARY KEY CHECK (one = 1),
    n   bigint  NOT NULL
);

INSERT INTO epoch VALUES (1, 0);

CREATE TABLE node (
    id    text COLLATE "C" PRIMARY KEY,
    name  text        NOT NULL,
    epoch bigint      NOT NULL,
    until timestamptz NOT NULL
);
