-- Limits that servers share: one authority per app, see access/limit. Its state is not
-- worth a write-ahead log: a table that a crash, or the way to a standby, empties is just
-- what begins a new authority. What of a quota may be used is kept for good.

CREATE UNLOGGED TABLE lease (
    app   text COLLATE "C" PRIMARY KEY, -- '': when this table was made or emptied last
    state bytea NOT NULL,
    made  timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50);

CREATE TABLE quota (
    app         text COLLATE "C" PRIMARY KEY,
    day         bigint NOT NULL, -- since 1970
    day_units   bigint NOT NULL,
    month       bigint NOT NULL, -- since year 0
    month_units bigint NOT NULL
);
