"""Reads the files of an export with one tool and compares them with want.json."""
import datetime as dt, json, math, sys
from decimal import Decimal

tool, folder = sys.argv[1:]
want = json.load(open(folder + "/want.json"))
names = ["venue", "pair", "open_time", "known_time", "open", "high", "volume", "turnover", "trades", "complete", "revision", "marks"]
money = ["open", "high", "low", "close", "volume", "turnover"]
sma = "SMA_2.outReal"


def same(label, column, got, expected):
    if got is None or (isinstance(got, float) and math.isnan(got)) or str(got) in ("NaT", "<NA>"):
        got = None
    if got is None or expected is None:
        assert got is None and expected is None, (label, column, got, expected)
    elif column in ("open_time", "known_time"):
        if hasattr(got, "to_pydatetime"):
            got = got.to_pydatetime()
        assert got.tzinfo is not None, (label, column, "no time zone")
        ms = (got - dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)) / dt.timedelta(milliseconds=1)
        assert ms == expected, (label, column, ms, expected)
    elif column in money:
        assert isinstance(got, (Decimal, str)), (label, column, type(got))
        assert Decimal(got) == Decimal(expected), (label, column, got, expected)
    else:
        assert got == expected, (label, column, got, expected)


def check(label, rows):
    assert len(rows) == len(want), (label, len(rows), len(want))
    for row, expected in zip(rows, want):
        for column, value in zip(names, expected):
            same(label, column, row[column], value)
    assert rows[0][sma] is None or math.isnan(rows[0][sma]), (label, rows[0][sma])
    close = [Decimal(r["close"]) for r in rows]
    assert math.isclose(rows[1][sma], float(close[0] + close[1]) / 2, rel_tol=1e-12), (label, rows[1][sma])
    print(tool, "read", label, len(rows), "rows")


path = lambda ext: folder + "/candles." + ext
if tool == "pyarrow":
    import pyarrow.parquet as pq, pyarrow.ipc as ipc
    t = pq.read_table(path("parquet"))
    assert str(t.schema.field("open").type) == "decimal128(38, 19)", t.schema
    assert str(t.schema.field("open_time").type) == "timestamp[ms, tz=UTC]", t.schema
    check("parquet", t.to_pylist())
    t = ipc.open_file(path("arrow")).read_all()
    assert str(t.schema.field("open").type) == "decimal128(38, 19)", t.schema
    check("arrow", t.to_pylist())
elif tool == "pandas":
    import pandas as pd
    check("csv", pd.read_csv(path("csv"), dtype={n: str for n in money}, parse_dates=["open_time", "known_time"]).to_dict("records"))
    lines = pd.read_json(path("ndjson"), lines=True, dtype=False)
    for n in ("open_time", "known_time"):
        lines[n] = pd.to_datetime(lines[n])
    check("ndjson", lines.to_dict("records"))
    try:
        import pyarrow
    except ImportError:
        sys.exit(0)
    check("parquet", pd.read_parquet(path("parquet")).to_dict("records"))
    check("arrow", pd.read_feather(path("arrow")).to_dict("records"))
elif tool == "polars":
    import polars as pl
    check("parquet", pl.read_parquet(path("parquet")).to_dicts())
    check("parquet, scanned", pl.scan_parquet(path("parquet")).filter(pl.col("open").is_not_null()).collect().to_dicts())
    check("arrow", pl.read_ipc(path("arrow")).to_dicts())
    texts = {n: pl.String for n in money}
    check("csv", pl.read_csv(path("csv"), schema_overrides=texts).with_columns(pl.col("open_time", "known_time").str.to_datetime(time_unit="ms", time_zone="UTC")).to_dicts())
    check("ndjson", pl.read_ndjson(path("ndjson"), schema_overrides={"open_time": pl.String, "known_time": pl.String}).with_columns(pl.col("open_time", "known_time").str.to_datetime(time_unit="ms", time_zone="UTC")).to_dicts())
elif tool == "duckdb":
    import duckdb
    db = duckdb.connect()
    db.execute("SET TimeZone = 'UTC'")

    def rows(sql):
        # Times as milliseconds, so that no time zone package is needed.
        times = ", ".join(f"epoch_ms({n}::TIMESTAMPTZ) AS {n}" for n in ("open_time", "known_time"))
        c = db.execute(f"SELECT * REPLACE ({times}) FROM {sql}")
        head = [d[0] for d in c.description]
        at = lambda r, n: None if r[n] is None else dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc) + dt.timedelta(milliseconds=r[n])
        out = [dict(zip(head, r)) for r in c.fetchall()]
        return [{**r, "open_time": at(r, "open_time"), "known_time": at(r, "known_time")} for r in out]

    kinds = dict(db.execute(f"SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM '{path('parquet')}')").fetchall())
    assert kinds["open"] == "DECIMAL(38,19)" and kinds["open_time"] == "TIMESTAMP WITH TIME ZONE", kinds
    check("parquet", rows(f"'{path('parquet')}'"))
    below = sum(Decimal(w[4]) < 0 for w in want)
    assert db.execute(f"SELECT count(*) FROM '{path('parquet')}' WHERE open < 0").fetchone()[0] == below, "negative values hide behind statistics"
    texts = "{" + ", ".join(f"'{n}': 'VARCHAR'" for n in money) + "}"
    check("csv", rows(f"read_csv('{path('csv')}', types = {texts})"))
    check("ndjson", rows(f"read_json('{path('ndjson')}', format = 'newline_delimited')"))
