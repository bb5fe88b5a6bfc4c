"""Plays recorded sessions through cryptofeed: its own classes subscribe on a stub of a
connection, and the recorded messages go to its message handlers, which parse them.
It keeps books; checksum validation is on where it has it, as it is in Assay.
Answers of REST come from the recording."""
import asyncio, base64, collections, json, os, subprocess, sys, time, urllib.parse

from cryptofeed import connection, symbols
from cryptofeed.exchanges import EXCHANGE_MAP
import logging
logging.disable(logging.CRITICAL)
from yapic import json as yapic


def load(path):
    raw = subprocess.run(["zstd", "-dc", path], stdout=subprocess.PIPE, check=True).stdout if path.endswith(".zst") else open(path, "rb").read()
    records = [json.loads(line) for line in raw.splitlines() if line]
    addr = {}
    for r in records:
        if r["t"] == "connect":
            addr[r["conn"]] = r["addr"]
        if r["t"] == "recv":
            r["addr"] = addr.get(r["conn"], "")
            if "b64" in r:
                r["data"] = base64.b64decode(r["b64"])
    return records


class Connection:
    """What a handler may ask of its connection."""
    conn_type, uuid = "wss", "1"

    def __init__(self, subscription, address):
        self.subscription, self.address, self.raw_data_callback = subscription, address, None

    async def write(self, *a, **k):
        pass


class Answers:
    def __init__(self, records):
        self.all = [(r["url"], r["data"]) for r in records if r["t"] == "http"]

    def find(self, url):
        u = urllib.parse.urlparse(url)
        for want in (lambda x: x == url, lambda x: urllib.parse.urlparse(x)[2:5] == u[2:5],
                     lambda x: not u.query and (x.startswith(url) or url.startswith(x)),
                     lambda x: urllib.parse.urlparse(x).path == u.path and any(v and v in x for v in sum(urllib.parse.parse_qs(u.query).values(), []))):
            for x, data in self.all:
                if want(x):
                    return data
        raise LookupError("not in the recording: " + url)


async def play(exchange, records, config, answers, count):
    async def callback(obj, at):
        count["events"] += 1
    symbols.Symbols.data = getattr(symbols.Symbols, "data", {})
    made = EXCHANGE_MAP[exchange](candle_closed_only=False, subscription=config, callbacks={c: callback for c in config}, checksum_validation=True)
    conns = []
    for conn, sub, handler, _ in made.connect():
        c = Connection(getattr(conn, "subscription", None), getattr(conn, "address", "") or "")
        try:
            await sub(c)
        except LookupError as e:
            count["why"] = count["why"] or str(e)[:80]
        conns.append((c, handler))
    chosen = {}
    for r in records:
        if r["t"] != "recv":
            continue
        a = r["addr"]
        if a not in chosen:
            path = urllib.parse.urlparse(a).path
            chosen[a] = next((x for x in conns if urllib.parse.urlparse(str(x[0].address)).path == path), conns[0])
        c, handler = chosen[a]
        try:
            await handler(r["data"], c, r["ts"])
        except Exception as e:
            count["errors"] += 1
            count["why"] = count["why"] or (type(e).__name__ + " " + str(e))[:80]
    await made.http_conn.close()


def main():
    at_least = float(sys.argv[1]) / 1000
    for path in sys.argv[2:]:
        records = load(path)
        head = records[0]
        exchange, name = head["exchange"], os.path.basename(path)
        out = {"name": name, "with": "cryptofeed", "messages": sum(r["t"] == "recv" for r in records)}
        answers = Answers(records)
        connection.HTTPSync.read = lambda self, url, params=None, headers=None, json=False, text=True, uuid=None: yapic.loads(answers.find(url)) if json else answers.find(url)

        # KuCoin asks where to connect; there is nowhere to connect to.
        bullet = json.dumps({"code": "200000", "data": {"token": "TOKEN", "instanceServers": [{"endpoint": "wss://stub.invalid/endpoint", "pingInterval": 18000}]}})
        connection.HTTPSync.write = lambda self, address, data=None, json=False, text=True, uuid=None, is_data_json=False: yapic.loads(bullet) if json else bullet

        async def read(self, url, *a, **k):
            return answers.find(url)
        connection.HTTPAsyncConn.read = read
        try:
            cls = EXCHANGE_MAP[exchange]
            config, left = {}, []
            known = cls.symbols()
            for ch, syms in head["config"].items():
                mine = [s for s in syms if s in known]
                if ch in cls.websocket_channels and mine:
                    config[ch] = mine
                else:
                    left.append(ch)
            cpu, wall = [], []
            end = time.time() + at_least
            first = True
            while first or time.time() < end or len(cpu) < 3:
                count = {"events": 0, "errors": 0, "why": ""}
                t, c = time.perf_counter(), time.process_time()
                asyncio.run(play(exchange, records, config, answers, count))
                if not first:
                    cpu.append(time.process_time() - c)
                    wall.append(time.perf_counter() - t)
                first = False
            out.update(cpu_seconds=sorted(cpu)[len(cpu) // 2], seconds=sorted(wall)[len(wall) // 2], rounds=len(cpu), left=left, **count)
        except Exception as e:
            out["skipped"] = (type(e).__name__ + " " + str(e))[:100]
        print(json.dumps(out), flush=True)


main()
