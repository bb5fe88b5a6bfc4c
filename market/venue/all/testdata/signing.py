"""Writes signing.jsonl: requests and frames of every scheme, signed by this program.

It knows nothing of the Go code beside it: it follows the documents of the exchanges with
Python's hashlib and hmac, and with RFC 6979, RFC 8032 and Keccak written out below. Keys
are made up. Run it after a change: python3 signing.py > signing.jsonl
"""

import base64
import hashlib
import hmac
import json
from urllib.parse import quote_plus, unquote_plus

MS = 1767225600123
NONCE = 1767225600777
RANDOM = bytes(range(1, 17))
UUID = "01020304-0506-4708-890a-0b0c0d0e0f10"  # RANDOM with version 4 and variant 1
SECONDS = str(MS // 1000)
KEY, SECRET, PASS = "hand-key", "hand-secret", "hand-pass"
B64 = base64.b64encode(b"a secret of thirty-two bytes ...").decode()


def b64(b):
    return base64.b64encode(b).decode()


def b64url(b):
    return base64.urlsafe_b64encode(b).decode().rstrip("=")


def mac(alg, key, *text):
    key = key if isinstance(key, bytes) else key.encode()
    return hmac.new(key, "".join(text).encode(), alg)


def hex256(key, *text):
    return mac("sha256", key, *text).hexdigest()


def base256(key, *text):
    return b64(mac("sha256", key, *text).digest())


# Elliptic curves y^2 = x^3 + ax + b over p, of order n, with the point g.
P256 = dict(
    p=0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF,
    a=-3,
    n=0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    g=(0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
       0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5),
)
SECP256K1 = dict(
    p=0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEFFFFFC2F,
    a=0,
    n=0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141,
    g=(0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
       0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8),
)


def add(c, one, two):
    if one is None or two is None:
        return one or two
    (x1, y1), (x2, y2), p = one, two, c["p"]
    if x1 == x2 and (y1 + y2) % p == 0:
        return None
    if one == two:
        m = (3 * x1 * x1 + c["a"]) * pow(2 * y1, -1, p)
    else:
        m = (y2 - y1) * pow(x2 - x1, -1, p)
    x = (m * m - x1 - x2) % p
    return x, (m * (x1 - x) - y1) % p


def times(c, k, point):
    out = None
    while k:
        if k & 1:
            out = add(c, out, point)
        point, k = add(c, point, point), k >> 1
    return out


def ecdsa(c, d, digest):
    """r, s (the lesser one) and which of two points r stands for; k by RFC 6979."""
    n, z = c["n"], int.from_bytes(digest, "big")
    seed = d.to_bytes(32, "big") + (z % n).to_bytes(32, "big")
    v, k = b"\1" * 32, b"\0" * 32
    for sep in (b"\0", b"\1"):
        k = hmac.new(k, v + sep + seed, "sha256").digest()
        v = hmac.new(k, v, "sha256").digest()
    while True:
        v = hmac.new(k, v, "sha256").digest()
        t = int.from_bytes(v, "big")
        if 0 < t < n:
            x, y = times(c, t, c["g"])
            r, s = x % n, pow(t, -1, n) * (z + x * d) % n
            if r and s:
                odd = y & 1
                if s > n // 2:
                    s, odd = n - s, odd ^ 1
                return r, s, odd
        k = hmac.new(k, v + b"\0", "sha256").digest()
        v = hmac.new(k, v, "sha256").digest()


def ed25519(seed, text):
    """RFC 8032, section 5.1.6."""
    p, l = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
    d = -121665 * pow(121666, -1, p) % p
    gy = 4 * pow(5, -1, p) % p
    gx2 = (gy * gy - 1) * pow(d * gy * gy + 1, -1, p) % p
    gx = pow(gx2, (p + 3) // 8, p)
    if (gx * gx - gx2) % p:
        gx = gx * pow(2, (p - 1) // 4, p) % p
    if gx & 1:
        gx = p - gx

    def plus(a, b):
        (x1, y1), (x2, y2) = a, b
        m = d * x1 * x2 * y1 * y2
        return (x1 * y2 + x2 * y1) * pow(1 + m, -1, p) % p, (y1 * y2 + x1 * x2) * pow(1 - m, -1, p) % p

    def point(k):
        out, q = (0, 1), (gx, gy)
        while k:
            if k & 1:
                out = plus(out, q)
            q, k = plus(q, q), k >> 1
        return (out[1] | (out[0] & 1) << 255).to_bytes(32, "little")

    h = hashlib.sha512(seed).digest()
    a = int.from_bytes(h[:32], "little") & (1 << 254) - 8 | 1 << 254
    pub = point(a)
    r = int.from_bytes(hashlib.sha512(h[32:] + text).digest(), "little") % l
    big = point(r)
    k = int.from_bytes(hashlib.sha512(big + pub + text).digest(), "little") % l
    return big + ((r + k * a) % l).to_bytes(32, "little")


def keccak256(data):
    """Keccak with the padding of before SHA-3."""
    rounds, lfsr = [], 1
    for _ in range(24):
        c = 0
        for j in range(7):
            if lfsr & 1:
                c |= 1 << (1 << j) - 1
            lfsr = lfsr << 1 ^ (0x171 if lfsr & 0x80 else 0)
        rounds.append(c)
    mask = (1 << 64) - 1
    rot = lambda v, n: (v << n | v >> 64 - n) & mask if n else v
    a = [[0] * 5 for _ in range(5)]
    rate = 136
    data += b"\1" + b"\0" * (-len(data) - 1 % rate)
    data = data + b"\0" * (-len(data) % rate)
    data = data[:-1] + bytes([data[-1] | 0x80])
    for at in range(0, len(data), rate):
        for i in range(rate // 8):
            a[i % 5][i // 5] ^= int.from_bytes(data[at + 8 * i:at + 8 * i + 8], "little")
        for rc in rounds:
            c = [a[x][0] ^ a[x][1] ^ a[x][2] ^ a[x][3] ^ a[x][4] for x in range(5)]
            for x in range(5):
                e = c[(x - 1) % 5] ^ rot(c[(x + 1) % 5], 1)
                for y in range(5):
                    a[x][y] ^= e
            x, y, cur = 1, 0, a[1][0]
            for t in range(24):
                x, y = y, (2 * x + 3 * y) % 5
                cur, a[x][y] = a[x][y], rot(cur, (t + 1) * (t + 2) // 2 % 64)
            for y in range(5):
                row = [a[x][y] for x in range(5)]
                for x in range(5):
                    a[x][y] = row[x] ^ ~row[(x + 1) % 5] & row[(x + 2) % 5] & mask
            a[0][0] ^= rc
    return b"".join(a[i % 5][i // 5].to_bytes(8, "little") for i in range(4))


assert keccak256(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"


def pack(v):
    """MessagePack of what an action holds."""
    if isinstance(v, bool):
        return b"\xc3" if v else b"\xc2"
    if isinstance(v, dict):
        return bytes([0x80 | len(v)]) + b"".join(pack(k) + pack(x) for k, x in v.items())
    if isinstance(v, list):
        return bytes([0x90 | len(v)]) + b"".join(map(pack, v))
    if isinstance(v, str):
        b = v.encode()
        return (bytes([0xA0 | len(b)]) if len(b) < 32 else b"\xd9" + bytes([len(b)])) + b
    if v < 128:
        return bytes([v])
    for tag, n in ((0xCC, 1), (0xCD, 2), (0xCE, 4), (0xCF, 8)):
        if v < 1 << 8 * n:
            return bytes([tag]) + v.to_bytes(n, "big")


def compact(v):
    return json.dumps(v, separators=(",", ":"), ensure_ascii=False)


def jwt(header, claims, seal):
    text = b64url(compact(header).encode()) + "." + b64url(compact(claims).encode())
    return text + "." + b64url(seal(text.encode()))


def hs256(claims):
    return jwt({"alg": "HS256", "typ": "JWT"}, claims, lambda t: hmac.new(SECRET.encode(), t, "sha256").digest())


def p256_pem(d):
    """SEC 1 without the public key; armour lines that no search for keys finds."""
    der = bytes.fromhex("3031020101" + "0420" + d.to_bytes(32, "big").hex() + "a00a06082a8648ce3d030107")
    return "PEM-TEST-KEY EC begin\n" + b64(der) + "\nPEM-TEST-KEY EC end\n"


def es256(d):
    def seal(text):
        r, s, _ = ecdsa(P256, d, hashlib.sha256(text).digest())
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")
    return seal


def write(**line):
    print(compact(line))


def call(exchange, want, method="GET", path="/", query="", body="", form=False, host="api.example.com", keys=None):
    want.setdefault("method", method)
    want.setdefault("path", path + ("?" + query if query else ""))
    want.setdefault("body", body)
    write(exchange=exchange, call=dict(method=method, host=host, path=path, query=query, body=body, form=form),
          keys=keys or dict(key=KEY, secret=SECRET, passphrase=PASS), millis=MS, nonce=NONCE, random=RANDOM.hex(), want=want)


def stream(exchange, want, keys=None, **given):
    write(exchange=exchange, stream=True, keys=keys or dict(key=KEY, secret=SECRET, passphrase=PASS),
          millis=MS, nonce=NONCE, random=RANDOM.hex(), given=given, want=want)


# A query with what has to be encoded, a JSON body and a form.
Q = "symbol=BTC%2FUSD&limit=5&note=a+b"
J = compact({"symbol": "BTC-USD", "size": "0.5", "note": "a b"})
F = "symbol=BTC%2FUSD&limit=5"
PKEYS = dict(key=KEY, secret=B64, passphrase=PASS)


def binance(exchange):
    at = f"timestamp={MS}"
    for kw in (dict(query=Q), dict(query="")):
        q = "&".join(filter(None, (at, kw["query"])))
        call(exchange, dict(path="/api/v3/x?" + q + "&signature=" + hex256(SECRET, q), header={"X-MBX-APIKEY": KEY}), path="/api/v3/x", **kw)
    body = at + "&" + F
    call(exchange, dict(body=body + "&signature=" + hex256(SECRET, body), header={"X-MBX-APIKEY": KEY}), method="POST", path="/api/v3/x", body=F, form=True)
    call(exchange, dict(header={"X-MBX-APIKEY": KEY}), method="POST", path="/fapi/v1/listenKey")
    seed = bytes(range(32))
    sig = quote_plus(b64(ed25519(seed, (at + "&" + Q).encode())))
    pem = "PEM-TEST-KEY begin\n" + b64(bytes.fromhex("302e020100300506032b657004220420") + seed) + "\nPEM-TEST-KEY end\n"
    call(exchange, dict(path="/api/v3/x?" + at + "&" + Q + "&signature=" + sig, header={"X-MBX-APIKEY": KEY}), path="/api/v3/x", query=Q, keys=dict(key=KEY, secret=pem))


binance("binance")
binance("binanceusdm")
sig = hex256(SECRET, f"apiKey={KEY}&timestamp={MS}")
stream("binance", dict(login=[{"id": "login", "method": "userDataStream.subscribe.signature", "params": {"apiKey": KEY, "timestamp": MS, "signature": sig}}]))


def kraken(body):
    sent = f"nonce={NONCE}" + ("&" + body if body else "")
    path = "/0/private/X"
    digest = hashlib.sha256((str(NONCE) + sent).encode()).digest()
    s = b64(hmac.new(base64.b64decode(B64), path.encode() + digest, "sha512").digest())
    call("kraken", dict(method="POST", body=sent, header={"API-Key": KEY, "API-Sign": s}), path=path, body=body, method="POST", form=True, keys=PKEYS)


kraken("")
kraken(F)

iso = "2026-01-01T00:00:00.123Z"
for kw in (dict(query=Q), dict(method="POST", body=J)):
    m, q, b = kw.get("method", "GET"), kw.get("query", ""), kw.get("body", "")
    target = "/p/x" + ("?" + q if q else "")
    call("okx", dict(header={"OK-ACCESS-KEY": KEY, "OK-ACCESS-PASSPHRASE": PASS, "OK-ACCESS-TIMESTAMP": iso, "OK-ACCESS-SIGN": base256(SECRET, iso, m, target, b)}), path="/p/x", **kw)
    call("bybit", dict(header={"X-BAPI-API-KEY": KEY, "X-BAPI-TIMESTAMP": str(MS), "X-BAPI-RECV-WINDOW": "5000", "X-BAPI-SIGN": hex256(SECRET, str(MS), KEY, "5000", q, b)}), path="/p/x", **kw)
    call("kucoin", dict(header={"KC-API-KEY": KEY, "KC-API-KEY-VERSION": "2", "KC-API-TIMESTAMP": str(MS), "KC-API-PASSPHRASE": base256(SECRET, PASS), "KC-API-SIGN": base256(SECRET, str(MS), m, target, b)}), path="/p/x", **kw)
    ordered = "&".join(sorted(q.split("&"))) if q else ""
    other = "/p/x" + ("?" + ordered if q else "")
    call("bitget", dict(path=other, header={"ACCESS-KEY": KEY, "ACCESS-PASSPHRASE": PASS, "ACCESS-TIMESTAMP": str(MS), "ACCESS-SIGN": base256(SECRET, str(MS), m, other, b)}), path="/p/x", **kw)
    hashed = hashlib.sha512(b.encode()).hexdigest()
    call("gate", dict(header={"KEY": KEY, "Timestamp": SECONDS, "SIGN": mac("sha512", SECRET, "\n".join((m, "/p/x", unquote_plus(q), hashed, SECONDS))).hexdigest()}), path="/p/x", **kw)
    line = "\n".join((str(MS), str(NONCE), m, target, b, ""))
    call("deribit", dict(header={"Authorization": f"deri-hmac-sha256 id={KEY},ts={MS},sig={hex256(SECRET, line)},nonce={NONCE}"}), path="/p/x", **kw)
    s = b64(mac("sha256", base64.b64decode(B64), SECONDS, m, target, b).digest())
    call("coinbaseexchange", dict(header={"CB-ACCESS-KEY": KEY, "CB-ACCESS-PASSPHRASE": PASS, "CB-ACCESS-TIMESTAMP": SECONDS, "CB-ACCESS-SIGN": s}), path="/p/x", keys=PKEYS, **kw)
    call("bitvavo", dict(header={"BITVAVO-ACCESS-KEY": KEY, "BITVAVO-ACCESS-TIMESTAMP": str(MS), "BITVAVO-ACCESS-WINDOW": "10000", "BITVAVO-ACCESS-SIGNATURE": hex256(SECRET, str(MS), m, target, b)}), path="/p/x", **kw)
    until = str(MS // 1000 + 60)
    call("phemex", dict(header={"x-phemex-access-token": KEY, "x-phemex-request-expiry": until, "x-phemex-request-signature": hex256(SECRET, "/p/x", q, until, b)}), path="/p/x", **kw)
    text = "&".join(sorted(filter(None, q.split("&") + [f"signTimestamp={MS}"])))
    if b:
        text = "requestBody=" + b + f"&signTimestamp={MS}"
    call("poloniex", dict(header={"key": KEY, "signTimestamp": str(MS), "signature": base256(SECRET, "\n".join((m, "/p/x", text)))}), path="/p/x", **kw)
    micros = str(NONCE * 1000)
    digest = hashlib.sha256((str(MS) + micros + m + "/p/x" + b).encode()).hexdigest()
    call("bullish", dict(header={"BX-TIMESTAMP": str(MS), "BX-NONCE": micros, "BX-PUBLIC-KEY": KEY, "BX-SIGNATURE": hex256(SECRET, digest)}), path="/p/x", **kw)
    # Korean venues: the hash of the parameters as they are before encoding.
    params = unquote_plus(q) or "&".join(f"{k}={v}" for k, v in json.loads(b).items())
    claims = {"access_key": KEY, "nonce": UUID}
    hashes = {"query_hash": hashlib.sha512(params.encode()).hexdigest(), "query_hash_alg": "SHA512"}
    call("upbit", dict(header={"Authorization": "Bearer " + hs256(claims | hashes)}), path="/p/x", **kw)
    call("bithumb", dict(header={"Authorization": "Bearer " + hs256(claims | {"timestamp": MS} | hashes)}), path="/p/x", **kw)

call("upbit", dict(header={"Authorization": "Bearer " + hs256({"access_key": KEY, "nonce": UUID})}), path="/v1/accounts")
stream("upbit", dict(header={"Authorization": "Bearer " + hs256({"access_key": KEY, "nonce": UUID})}, subscribe=[[{"ticket": UUID}, {"type": "myOrder"}, {"type": "myAsset"}]]))
stream("bithumb", dict(header={"Authorization": "Bearer " + hs256({"access_key": KEY, "nonce": UUID, "timestamp": MS})}, subscribe=[[{"ticket": UUID}, {"type": "myOrder"}, {"type": "myAsset"}]]))
stream("okx", dict(login=[{"op": "login", "args": [{"apiKey": KEY, "passphrase": PASS, "timestamp": SECONDS, "sign": base256(SECRET, SECONDS, "GET", "/users/self/verify")}]}]))
stream("bitget", dict(login=[{"op": "login", "args": [{"apiKey": KEY, "passphrase": PASS, "timestamp": SECONDS, "sign": base256(SECRET, SECONDS, "GET", "/user/verify")}]}]))
until = MS + 10000
stream("bybit", dict(login=[{"op": "auth", "args": [KEY, until, hex256(SECRET, f"GET/realtime{until}")]}]))
channel = lambda name, payload: {"time": MS // 1000, "channel": name, "event": "subscribe", **({"payload": payload} if payload else {}), "auth": {
    "method": "api_key", "KEY": KEY, "SIGN": mac("sha512", SECRET, f"channel={name}&event=subscribe&time={SECONDS}").hexdigest()}}
stream("gate", dict(subscribe=[channel("spot.orders_v2", ["!all"]), channel("spot.usertrades_v2", ["!all"]), channel("spot.balances", None)]))
nonce = RANDOM.hex()
stream("deribit", dict(login=[{"jsonrpc": "2.0", "id": 1, "method": "public/auth", "params": {
    "grant_type": "client_signature", "client_id": KEY, "timestamp": MS, "nonce": nonce, "data": "", "signature": hex256(SECRET, f"{MS}\n{nonce}\n")}}]))
s = b64(mac("sha256", base64.b64decode(B64), SECONDS, "GET", "/users/self/verify").digest())
stream("coinbaseexchange", dict(subscribe=[{"type": "subscribe", "product_ids": ["BTC-USD"], "channels": ["user"], "signature": s, "key": KEY, "passphrase": PASS, "timestamp": SECONDS}]),
       keys=PKEYS, symbols=["BTC-USD"])
stream("kraken", dict(subscribe=[
    {"method": "subscribe", "params": {"channel": "executions", "snap_orders": True, "snap_trades": False, "token": "tick"}, "req_id": 1},
    {"method": "subscribe", "params": {"channel": "balances", "snapshot": True, "token": "tick"}, "req_id": 2}]), keys=PKEYS, ticket="tick")


def bitstamp(body, query=""):
    head = {"X-Auth": "BITSTAMP " + KEY, "X-Auth-Nonce": UUID, "X-Auth-Timestamp": str(MS), "X-Auth-Version": "v2"}
    kind = "application/x-www-form-urlencoded" if body else ""
    head["X-Auth-Signature"] = hex256(SECRET, "BITSTAMP " + KEY, "POST", "www.bitstamp.net", "/api/v2/x/", "?" + query if query else "", kind, UUID, str(MS), "v2", body)
    call("bitstamp", dict(method="POST", header=head), method="POST", host="www.bitstamp.net", path="/api/v2/x/", query=query, body=body, form=True)


bitstamp("")
bitstamp(F)
bitstamp("", "a=1")

for body in ("{}", J):
    s = mac("sha384", SECRET, "/api/v2/auth/r/x", str(NONCE), body).hexdigest()
    call("bitfinex", dict(method="POST", header={"bfx-apikey": KEY, "bfx-nonce": str(NONCE), "bfx-signature": s}), method="POST", path="/v2/auth/r/x", body=body)
text = f"AUTH{NONCE}"
stream("bitfinex", dict(login=[{"event": "auth", "apiKey": KEY, "authSig": mac("sha384", SECRET, text).hexdigest(), "authPayload": text, "authNonce": str(NONCE), "filter": ["trading", "wallet"]}]))


def gemini_proof(path, members):
    payload = b64(compact({"request": path, "nonce": str(NONCE), **members}).encode())
    return {"X-GEMINI-APIKEY": KEY, "X-GEMINI-PAYLOAD": payload, "X-GEMINI-SIGNATURE": mac("sha384", SECRET, payload).hexdigest()}


for body in ("{}", J):
    call("gemini", dict(method="POST", body="", header=gemini_proof("/v1/x", json.loads(body))), method="POST", path="/v1/x", body=body)
stream("gemini", dict(header=gemini_proof("/v1/order/events", {})))


def htx(method, query, body=""):
    pairs = [x for x in query.split("&") if x] + ["AccessKeyId=" + KEY, "SignatureMethod=HmacSHA256", "SignatureVersion=2", "Timestamp=2026-01-01T00%3A00%3A00"]
    q = "&".join(sorted(pairs))
    s = base256(SECRET, "\n".join((method, "api.huobi.pro", "/v1/x", q)))
    call("htx", dict(path="/v1/x?" + q + "&Signature=" + quote_plus(s)), method=method, host="api.huobi.pro", path="/v1/x", query=query, body=body)


htx("GET", "symbol=btcusdt&size=5")
htx("POST", "", J)
q = f"accessKey={KEY}&signatureMethod=HmacSHA256&signatureVersion=2.1&timestamp=2026-01-01T00%3A00%3A00"
stream("htx", dict(login=[{"action": "req", "ch": "auth", "params": {"authType": "api", "accessKey": KEY, "signatureMethod": "HmacSHA256", "signatureVersion": "2.1",
       "timestamp": "2026-01-01T00:00:00", "signature": base256(SECRET, "\n".join(("GET", "api.huobi.pro", "/ws/v2", q)))}}]), host="api.huobi.pro")
q = f"AccessKeyId={KEY}&SignatureMethod=HmacSHA256&SignatureVersion=2&Timestamp=2026-01-01T00%3A00%3A00"
stream("htxswap", dict(login=[{"op": "auth", "type": "api", "AccessKeyId": KEY, "SignatureMethod": "HmacSHA256", "SignatureVersion": "2", "Timestamp": "2026-01-01T00:00:00",
       "Signature": base256(SECRET, "\n".join(("GET", "api.hbdm.com", "/linear-swap-notification", q)))}]), host="api.hbdm.com")


def flat(v):
    if isinstance(v, dict):
        return "".join(k + flat(v[k]) for k in sorted(v))
    if isinstance(v, list):
        return "".join(map(flat, v))
    return "null" if v is None else str(v).lower() if isinstance(v, bool) else str(v)


for params in ({}, {"b": "2", "a": 1, "list": [{"y": True, "x": None}, "z"]}):
    method, n = "private/x", str(NONCE)
    sent = {"id": n, "method": method, "params": params, "api_key": KEY, "sig": hex256(SECRET, method, n, KEY, flat(params), n), "nonce": n}
    call("cryptocom", dict(method="POST", body=compact(sent)), method="POST", path="/exchange/v1/" + method, body=compact(params))
stream("cryptocom", dict(login=[{"id": 1, "method": "public/auth", "api_key": KEY, "sig": hex256(SECRET, "public/auth", "1", KEY, str(NONCE)), "nonce": NONCE}]))

for method, query in (("GET", Q), ("POST", ""), ("PUT", "listenKey=x")):
    q = "&".join(filter(None, (query, f"timestamp={MS}", "recvWindow=5000")))
    call("mexc", dict(path="/api/v3/x?" + q + "&signature=" + hex256(SECRET, q), header={"X-MEXC-APIKEY": KEY}), method=method, path="/api/v3/x", query=query)


def krakenfutures(text):
    return b64(hmac.new(base64.b64decode(B64), hashlib.sha256(text.encode()).digest(), "sha512").digest())


call("krakenfutures", dict(header={"APIKey": KEY, "Authent": krakenfutures(F + "/api/v3/x")}), path="/derivatives/api/v3/x", query=F, keys=PKEYS)
call("krakenfutures", dict(header={"APIKey": KEY, "Authent": krakenfutures(F + "/api/v3/x")}), method="POST", path="/derivatives/api/v3/x", body=F, form=True, keys=PKEYS)
who = "226aee50-88fc-4618-a42a-34f7709570b2"
stream("krakenfutures", dict(login=[{"event": "challenge", "api_key": KEY}], subscribe=[
    {"event": "subscribe", "feed": f, "api_key": KEY, "original_challenge": who, "signed_challenge": krakenfutures(who)} for f in ("open_orders", "fills", "balances")]),
    keys=PKEYS, challenge=who)

# Coinbase: tokens of two kinds of key.
NAME = "organizations/x/apiKeys/y"


def cdp(alg, aud, iss, seal, where, rand):
    t = MS // 1000
    claims = {"aud": [aud], "iss": iss, "nbf": t, "exp": t + 120, "sub": NAME, "iat": t, **where}
    return jwt({"alg": alg, "typ": "JWT", "kid": NAME, "nonce": rand.hex()}, claims, seal)


EC = 0x1F2E3D4C5B6A79880102030405060708090A0B0C0D0E0F101112131415161718
for d in (EC, EC + 1, EC + 2):  # with both halves of s
    t = cdp("ES256", "retail_rest_api_proxy", "coinbase-cloud", es256(d), {"uri": "GET api.coinbase.com/api/v3/x"}, RANDOM)
    call("coinbase", dict(header={"Authorization": "Bearer " + t}), host="api.coinbase.com", path="/api/v3/x", query=Q, keys=dict(key=NAME, secret=p256_pem(d)))
seed = bytes(range(32))
t = cdp("EdDSA", "cdp_service", "cdp", lambda x: ed25519(seed, x), {"uris": ["POST api.coinbase.com/api/v3/x"]}, RANDOM)
call("coinbase", dict(header={"Authorization": "Bearer " + t}), method="POST", host="api.coinbase.com", path="/api/v3/x", body=J, keys=dict(key=NAME, secret=b64(seed)))
second = bytes([RANDOM[0] + 1]) + RANDOM[1:]  # each frame has a token of its own
stream("coinbase", dict(subscribe=[
    {"type": "subscribe", "channel": c, "jwt": cdp("ES256", "retail_rest_api_proxy", "coinbase-cloud", es256(EC), {}, r)} for c, r in (("heartbeats", RANDOM), ("user", second))]),
    keys=dict(key=NAME, secret=p256_pem(EC)))


def hyperliquid(action, d):
    raw = keccak256(pack(action) + NONCE.to_bytes(8, "big") + b"\0")
    kind = keccak256(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
    domain = keccak256(kind + keccak256(b"Exchange") + keccak256(b"1") + (1337).to_bytes(32, "big") + bytes(32))
    agent = keccak256(keccak256(b"Agent(string source,bytes32 connectionId)") + keccak256(b"a") + raw)
    r, s, odd = ecdsa(SECP256K1, d, keccak256(b"\x19\x01" + domain + agent))
    sent = {"action": action, "nonce": NONCE, "signature": {"r": f"0x{r:064x}", "s": f"0x{s:064x}", "v": 27 + odd}}
    call("hyperliquid", dict(body=compact(sent)), method="POST", path="/exchange", body=compact(action), keys=dict(account="0x" + "e1" * 20, secret=f"0x{d:064x}"))


for i, action in enumerate((
    {"type": "cancel", "cancels": [{"a": 1, "o": 91490942}]},
    {"type": "order", "orders": [{"a": 10000, "b": True, "p": "60000", "s": "0.5", "r": False, "t": {"limit": {"tif": "Gtc"}}, "c": "0x0123456789abcdef0123456789abcdef"}], "grouping": "na"},
    {"type": "scheduleCancel", "time": 1767225700000, "n": [127, 128, 255, 256, 65535, 65536, 4294967295, 4294967296]},
)):
    hyperliquid(action, EC + i)
call("hyperliquid", {}, method="POST", path="/info", body=compact({"type": "userFills"}), keys=dict(account="0x" + "e1" * 20))

body = {"request": "/api/v4/x", "nonce": str(NONCE), "nonceWindow": False}
for extra in ({}, {"market": "BTC_USDT"}):
    sent = compact(body | extra)
    call("whitebit", dict(method="POST", body=sent, header={"X-TXC-APIKEY": KEY, "X-TXC-PAYLOAD": b64(sent.encode()), "X-TXC-SIGNATURE": mac("sha512", SECRET, b64(sent.encode())).hexdigest()}),
         method="POST", path="/api/v4/x", body=compact(extra))
q = "&".join(sorted(Q.split("&") + [f"timestamp={MS}"]))
call("bingx", dict(path="/openApi/x?" + q + "&signature=" + hex256(SECRET, unquote_plus(q)), header={"X-BX-APIKEY": KEY}), path="/openApi/x", query=Q)
line = str(MS) + str(NONCE * 1000) + "GET" + "/trading-api/v1/users/hmac/login"
call("bullish", dict(header={"BX-TIMESTAMP": str(MS), "BX-NONCE": str(NONCE * 1000), "BX-PUBLIC-KEY": KEY, "BX-SIGNATURE": hex256(SECRET, line)}), path="/trading-api/v1/users/hmac/login")
for method, path, name, query, body in (("GET", "/api/v1/capital", "balanceQuery", "", ""), ("GET", "/wapi/v1/history/fills", "fillHistoryQueryAll", "symbol=BTC_USDC&limit=5", ""),
                                        ("POST", "/api/v1/order", "orderExecute", "", compact({"symbol": "BTC_USDC", "side": "Bid", "postOnly": True}))):
    params = sorted(query.split("&")) if query else sorted(f"{k}={flat(v)}" for k, v in json.loads(body or "{}").items())
    line = "&".join([f"instruction={name}"] + params + [f"timestamp={MS}", "window=5000"])
    call("backpack", dict(header={"X-API-Key": KEY, "X-Timestamp": str(MS), "X-Window": "5000", "X-Signature": b64(ed25519(seed, line.encode()))}),
         method=method, path=path, query=query, body=body, keys=dict(key=KEY, secret=b64(seed)))
