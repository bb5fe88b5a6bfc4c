"""Writes the table of `make bench-feed` into a page, between its two marks."""
import collections, datetime, json, statistics, sys

rows, page, machine, versions, load, rounds = sys.argv[1:7]
by = collections.defaultdict(list)
for line in open(rows):
    r = json.loads(line)
    by[r["name"].split(".jsonl")[0], r["with"]].append(r)

names = sorted({k[0] for k in by})
others = ["tardis", "cryptofeed", "ccxt"]
notes = []


def figure(name, who):
    """Messages a second of processor time, median of the rounds; or why not."""
    got = by.get((name, who))
    if not got:
        return None, "not run"
    for r in got:
        if r.get("skipped"):
            return None, r["skipped"]
    r = got[-1]
    n = r["messages"]
    if who != "assay":
        if r["errors"] > n / 10:
            return None, "%d of %d messages are errors to it: %s" % (r["errors"], n, r["why"])
        if r["events"] < n / 2:
            return None, "it makes %d events of %d messages: it does not read this form of the protocol" % (r["events"], n)
        if who == "ccxt" and not r["books"]:
            return None, "it built no book from it"
    return statistics.median(n / x["cpu_seconds"] for x in got), ""


out = ["<!-- bench-feed: written by make bench-feed -->", "",
       "| recording | messages | Assay, messages/s | tardis-dev | cryptofeed | ccxt |", "|---|---|---|---|---|---|"]
for name in names:
    mine, _ = figure(name, "assay")
    if not mine:
        continue
    cells = []
    for who in others:
        x, why = figure(name, who)
        if x:
            cells.append("{:,.0f} (**{:.1f}×**)".format(x, mine / x))
        else:
            cells.append("-")
            if not (why == "not run"):
                notes.append("* %s, %s: %s." % (name, {"tardis": "tardis-dev"}.get(who, who), why.rstrip(".").replace("|", "/")))
    out.append("| {} | {:,} | {:,.0f} | {} |".format(name, by[name, "assay"][0]["messages"], mine, " | ".join(cells)))
out += ["", "In brackets: how many times as many messages Assay reads in the same processor time. Median of %s interleaved rounds, %s; %s; %s; load %s." % (rounds, datetime.date.today().isoformat(), machine, versions, load),
        "", "Left out, and why:", ""] + notes + ["", "<!-- /bench-feed -->"]
text = open(page).read()
a, b = text.index("<!-- bench-feed:"), text.index("<!-- /bench-feed -->") + len("<!-- /bench-feed -->")
open(page, "w").write(text[:a] + "\n".join(out) + text[b:])
print("\n".join(out))
