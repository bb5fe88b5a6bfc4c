package emulator

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math/big"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/market"
)

// schemes are all the proofs that can be checked.
var schemes = map[market.VenueID]*scheme{
	"binance": {private: prefix("/api/v3/account", "/api/v3/order", "/api/v3/openOrders", "/api/v3/allOrders", "/api/v3/myTrades", "/sapi/"), read: claimQuery("X-MBX-APIKEY"),
		past: 5 * time.Second, ahead: time.Second, most: time.Minute, deny: denyBinance},
	"binancecoinm": {private: prefix("/dapi/v1/account", "/dapi/v1/balance", "/dapi/v1/order", "/dapi/v1/openOrders", "/dapi/v1/allOrders", "/dapi/v1/userTrades"), read: claimQuery("X-MBX-APIKEY"), past: 5 * time.Second, ahead: time.Second, most: time.Minute, deny: denyBinance},
	"binanceusdm":  {private: prefix("/fapi/v2/account", "/fapi/v3/account", "/fapi/v2/balance", "/fapi/v3/balance", "/fapi/v1/order", "/fapi/v1/openOrders", "/fapi/v1/allOrders", "/fapi/v1/userTrades"), read: claimQuery("X-MBX-APIKEY"), past: 5 * time.Second, ahead: time.Second, most: time.Minute, deny: denyBinance},
	"mexc": {private: prefix("/api/v3/account", "/api/v3/order", "/api/v3/openOrders", "/api/v3/allOrders", "/api/v3/myTrades"), read: claimQuery("X-MEXC-APIKEY"),
		past: 5 * time.Second, ahead: time.Second, most: time.Minute, deny: denyMEXC},
	"bybit": {private: prefix("/v5/account/", "/v5/order/", "/v5/execution/", "/v5/position/", "/v5/asset/", "/v5/user/"), read: claimBybit,
		past: 5 * time.Second, ahead: time.Second, most: time.Minute, deny: denyBybit},
	"okx":    {private: prefix("/api/v5/account/", "/api/v5/trade/", "/api/v5/asset/"), read: claimOKX, past: 30 * time.Second, ahead: 30 * time.Second, deny: denyOKX},
	"kraken": {private: prefix("/0/private/"), read: claimKraken, rising: true, deny: denyKraken},
	"coinbase": {private: func(p string) bool {
		return strings.HasPrefix(p, "/api/v3/brokerage/") && !strings.HasPrefix(p, "/api/v3/brokerage/market/") && p != "/api/v3/brokerage/time"
	}, read: claimCoinbase, past: 2 * time.Minute, ahead: 30 * time.Second, deny: denyCoinbase},
	"coinbaseexchange": {private: prefix("/accounts", "/orders", "/fills"), read: claimExchange, past: 30 * time.Second, ahead: 30 * time.Second, deny: denyExchange},
	"bitstamp": {private: func(p string) bool {
		return prefix("/api/v2/account_balances/", "/api/v2/balance/", "/api/v2/open_orders/", "/api/v2/user_transactions/", "/api/v2/websockets_token/",
			"/api/v2/buy/", "/api/v2/sell/", "/api/v2/cancel_order/", "/api/v2/cancel_all_orders/", "/api/v2/order_status/")(p)
	}, read: claimBitstamp, past: 150 * time.Second, ahead: 150 * time.Second, deny: denyBitstamp},
	"kucoin": {private: prefix("/api/v1/accounts", "/api/v1/orders", "/api/v1/fills", "/api/v1/hf/", "/api/v1/bullet-private", "/api/v3/margin/"), read: claimKuCoin,
		past: 5 * time.Second, ahead: 5 * time.Second, deny: denyKuCoin},
	"kucoinfutures": {private: prefix("/api/v1/account-overview", "/api/v1/orders", "/api/v1/fills", "/api/v1/positions", "/api/v1/bullet-private"), read: claimKuCoin,
		past: 5 * time.Second, ahead: 5 * time.Second, deny: denyKuCoin},
	"gate":        {private: prefix("/api/v4/spot/accounts", "/api/v4/spot/orders", "/api/v4/spot/open_orders", "/api/v4/spot/my_trades", "/api/v4/account/", "/api/v4/wallet/"), read: claimGate, past: time.Minute, ahead: time.Minute, deny: denyGate},
	"gatefutures": {private: prefix("/api/v4/futures/usdt/accounts", "/api/v4/futures/usdt/orders", "/api/v4/futures/usdt/my_trades", "/api/v4/futures/usdt/positions"), read: claimGate, past: time.Minute, ahead: time.Minute, deny: denyGate},
	"bitget":      {private: prefix("/api/v2/spot/account/", "/api/v2/spot/trade/", "/api/v2/mix/account/", "/api/v2/mix/order/", "/api/v2/mix/position/"), read: claimBitget, past: 30 * time.Second, ahead: 30 * time.Second, deny: denyBitget},
	"htx":         {private: prefix("/v1/account/", "/v1/order/", "/v2/account/", "/v1/query/"), read: claimHTX, past: 5 * time.Minute, ahead: 5 * time.Minute, deny: denyHTX},
	"htxswap":     {private: prefix("/linear-swap-api/v1/swap_cross_"), read: claimHTX, past: 5 * time.Minute, ahead: 5 * time.Minute, deny: denyHTX},
	"bitfinex":    {private: prefix("/v2/auth/"), read: claimBitfinex, rising: true, deny: denyBitfinex},
	"gemini": {private: func(p string) bool {
		return prefix("/v1/balances", "/v1/order", "/v1/mytrades", "/v1/heartbeat", "/v1/account")(p)
	}, read: claimGemini, rising: true, deny: denyGemini},
	"cryptocom":     {private: prefix("/exchange/v1/private/"), read: claimCryptoCom, past: time.Minute, ahead: time.Minute, deny: denyCryptoCom},
	"upbit":         {private: prefix("/v1/accounts", "/v1/order/", "/v1/orders"), read: claimKorean, deny: denyKorean},
	"bithumb":       {private: prefix("/v1/accounts", "/v1/order/", "/v1/orders", "/v2/order"), read: claimKorean, deny: denyKorean},
	"deribit":       {private: prefix("/api/v2/private/"), read: claimDeribit, past: time.Minute, ahead: time.Minute, deny: denyDeribit},
	"krakenfutures": {private: prefix("/derivatives/api/v3/accounts", "/derivatives/api/v3/openorders", "/derivatives/api/v3/fills", "/derivatives/api/v3/sendorder", "/derivatives/api/v3/cancel", "/derivatives/api/v3/openpositions"), read: claimKrakenFutures, deny: denyKrakenFutures},
	"hyperliquid":   {private: func(p string) bool { return p == "/exchange" }, read: claimHyperliquid, past: 48 * time.Hour, ahead: 24 * time.Hour, deny: denyHyperliquid},
}

// millis reads milliseconds, with decimals or without.
func millis(s string) time.Time {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f <= 0 {
		return time.Time{}
	}
	return time.UnixMicro(int64(f * 1000))
}

func unixTime(s string) time.Time {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.Unix(n, 0)
}

// claimQuery is Binance's way, and MEXC's: the parameters of query and body as they came,
// up to the signature, which is the last. Binance's keys may be Ed25519 as well.
func claimQuery(header string) func(s *sealed) (claim, bool) {
	return func(s *sealed) (claim, bool) {
		query, inQuery := unsealed(s.query)
		body, inBody := unsealed(s.body)
		stated, err := url.QueryUnescape(inQuery + inBody)
		if s.get(header) == "" || err != nil || stated == "" {
			return claim{}, false
		}
		payload := query + body
		args, err := url.ParseQuery(s.query)
		if err != nil {
			return claim{}, false
		}
		if more, err := url.ParseQuery(s.body); err == nil {
			maps.Copy(args, more)
		}
		c := claim{key: s.get(header), at: millis(args.Get("timestamp"))}
		if w, err := strconv.ParseFloat(args.Get("recvWindow"), 64); err == nil {
			c.window = time.Duration(w * float64(time.Millisecond))
		}
		c.seal = func(k *Key) bool {
			if public, ok := k.public().(ed25519.PublicKey); ok {
				sum, err := base64.StdEncoding.DecodeString(stated)
				return err == nil && ed25519.Verify(public, []byte(payload), sum)
			}
			return isHex(stated, keyed(sha256.New, []byte(k.Secret), payload))
		}
		return c, true
	}
}

// unsealed takes the signature off the end of a query or form.
func unsealed(q string) (rest, signature string) {
	if s, ok := strings.CutPrefix(q, "signature="); ok {
		return "", s
	}
	if i := strings.LastIndex(q, "&signature="); i >= 0 {
		return q[:i], q[i+len("&signature="):]
	}
	return q, ""
}

func claimBybit(s *sealed) (claim, bool) {
	at, window, stated := s.get("X-BAPI-TIMESTAMP"), s.get("X-BAPI-RECV-WINDOW"), s.get("X-BAPI-SIGN")
	c := claim{key: s.get("X-BAPI-API-KEY"), at: millis(at)}
	if n, err := strconv.Atoi(window); err == nil {
		c.window = time.Duration(n) * time.Millisecond
	}
	c.seal = func(k *Key) bool {
		return isHex(stated, keyed(sha256.New, []byte(k.Secret), at, k.Key, window, s.query, s.body))
	}
	return c, c.key != "" && stated != ""
}

func claimOKX(s *sealed) (claim, bool) {
	at, stated := s.get("OK-ACCESS-TIMESTAMP"), s.get("OK-ACCESS-SIGN")
	c := claim{key: s.get("OK-ACCESS-KEY")}
	c.at, _ = time.Parse("2006-01-02T15:04:05.000Z", at)
	c.phrase = func(k *Key) bool { return s.get("OK-ACCESS-PASSPHRASE") == k.Passphrase }
	c.seal = func(k *Key) bool {
		return isBase64(stated, keyed(sha256.New, []byte(k.Secret), at, s.method, s.target(), s.body))
	}
	return c, c.key != "" && stated != ""
}

// claimKraken hashes nonce and body, and signs the path with that.
func claimKraken(s *sealed) (claim, bool) {
	form, err := url.ParseQuery(s.body)
	c := claim{key: s.get("API-Key")}
	nonce := form.Get("nonce")
	if err != nil || nonce == "" {
		var j struct{ Nonce json.Number }
		if json.Unmarshal([]byte(s.body), &j) != nil {
			return c, false
		}
		nonce = j.Nonce.String()
	}
	c.nonce, _ = strconv.ParseInt(nonce, 10, 64)
	c.seal = func(k *Key) bool {
		secret, err := base64.StdEncoding.DecodeString(k.Secret)
		return err == nil && isBase64(s.get("API-Sign"), keyed(sha512.New, secret, s.path, sum256(nonce+s.body)))
	}
	return c, c.key != "" && s.get("API-Sign") != ""
}

// token takes a JWT apart.
func token(s *sealed) (text, signature string, head, claims map[string]any, ok bool) {
	t, ok := strings.CutPrefix(s.get("Authorization"), "Bearer ")
	parts := strings.Split(t, ".")
	if !ok || len(parts) != 3 {
		return "", "", nil, nil, false
	}
	for i, into := range []*map[string]any{&head, &claims} {
		b, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil || json.Unmarshal(b, into) != nil {
			return "", "", nil, nil, false
		}
	}
	sig, err := base64.RawURLEncoding.DecodeString(parts[2])
	return parts[0] + "." + parts[1], string(sig), head, claims, err == nil
}

func text(m map[string]any, name string) string { s, _ := m[name].(string); return s }

func whole(m map[string]any, name string) int64 { f, _ := m[name].(float64); return int64(f) }

// claimCoinbase: a token of two minutes for one method and path, signed with ES256 or,
// with newer keys, EdDSA.
func claimCoinbase(s *sealed) (claim, bool) {
	signed, sig, head, claims, ok := token(s)
	if !ok {
		return claim{}, false
	}
	c := claim{key: text(claims, "sub"), at: time.Unix(whole(claims, "nbf"), 0), until: time.Unix(whole(claims, "exp"), 0)}
	uris := []string{text(claims, "uri")}
	if list, ok := claims["uris"].([]any); ok {
		for _, u := range list {
			t, _ := u.(string)
			uris = append(uris, t)
		}
	}
	fits := false
	for _, h := range s.hosts("api.coinbase.com") {
		fits = fits || slices.Contains(uris, s.method+" "+h+s.path)
	}
	issuer := text(claims, "iss")
	c.seal = func(k *Key) bool {
		if !fits || text(head, "kid") != k.Key || issuer != "cdp" && issuer != "coinbase-cloud" {
			return false
		}
		switch p := k.public().(type) {
		case *ecdsa.PublicKey:
			if text(head, "alg") != "ES256" || len(sig) != 64 {
				return false
			}
			sum := sha256.Sum256([]byte(signed))
			return ecdsa.Verify(p, sum[:], new(big.Int).SetBytes([]byte(sig[:32])), new(big.Int).SetBytes([]byte(sig[32:])))
		case ed25519.PublicKey:
			return text(head, "alg") == "EdDSA" && ed25519.Verify(p, []byte(signed), []byte(sig))
		}
		return false
	}
	return c, true
}

func claimExchange(s *sealed) (claim, bool) {
	at, stated := s.get("CB-ACCESS-TIMESTAMP"), s.get("CB-ACCESS-SIGN")
	c := claim{key: s.get("CB-ACCESS-KEY"), at: unixTime(at)}
	c.phrase = func(k *Key) bool { return s.get("CB-ACCESS-PASSPHRASE") == k.Passphrase }
	c.seal = func(k *Key) bool {
		secret, err := base64.StdEncoding.DecodeString(k.Secret)
		return err == nil && isBase64(stated, keyed(sha256.New, secret, at, s.method, s.target(), s.body))
	}
	return c, c.key != "" && stated != ""
}

func claimBitstamp(s *sealed) (claim, bool) {
	who, at, once, stated := s.get("X-Auth"), s.get("X-Auth-Timestamp"), s.get("X-Auth-Nonce"), s.get("X-Auth-Signature")
	key, ok := strings.CutPrefix(who, "BITSTAMP ")
	kind := ""
	if s.body != "" {
		kind = s.get("Content-Type")
	}
	query := s.query
	if query != "" {
		query = "?" + query
	}
	c := claim{key: key, at: millis(at), once: once}
	c.seal = func(k *Key) bool {
		for _, h := range s.hosts("www.bitstamp.net") {
			if isHex(stated, keyed(sha256.New, []byte(k.Secret), who, s.method, h, s.path, query, kind, once, at, s.get("X-Auth-Version"), s.body)) {
				return s.get("X-Auth-Version") == "v2" && len(once) == 36 && once == strings.ToLower(once)
			}
		}
		return false
	}
	return c, ok && stated != ""
}

func claimKuCoin(s *sealed) (claim, bool) {
	at, stated := s.get("KC-API-TIMESTAMP"), s.get("KC-API-SIGN")
	c := claim{key: s.get("KC-API-KEY"), at: millis(at)}
	c.phrase = func(k *Key) bool {
		if s.get("KC-API-KEY-VERSION") == "" || s.get("KC-API-KEY-VERSION") == "1" {
			return s.get("KC-API-PASSPHRASE") == k.Passphrase
		}
		return isBase64(s.get("KC-API-PASSPHRASE"), keyed(sha256.New, []byte(k.Secret), k.Passphrase))
	}
	c.seal = func(k *Key) bool {
		return isBase64(stated, keyed(sha256.New, []byte(k.Secret), at, s.method, s.target(), s.body))
	}
	return c, c.key != "" && stated != ""
}

func claimGate(s *sealed) (claim, bool) {
	at, stated := s.get("Timestamp"), s.get("SIGN")
	query, err := url.QueryUnescape(s.query)
	c := claim{key: s.get("KEY"), at: unixTime(at)}
	c.seal = func(k *Key) bool {
		for _, q := range []string{s.query, query} {
			if err == nil && isHex(stated, keyed(sha512.New, []byte(k.Secret), s.method, "\n", s.path, "\n", q, "\n", sum512(s.body), "\n", at)) {
				return true
			}
		}
		return false
	}
	return c, c.key != "" && stated != ""
}

func claimBitget(s *sealed) (claim, bool) {
	at, stated := s.get("ACCESS-TIMESTAMP"), s.get("ACCESS-SIGN")
	c := claim{key: s.get("ACCESS-KEY"), at: millis(at)}
	c.phrase = func(k *Key) bool { return s.get("ACCESS-PASSPHRASE") == k.Passphrase }
	c.seal = func(k *Key) bool {
		return isBase64(stated, keyed(sha256.New, []byte(k.Secret), at, s.method, s.target(), s.body))
	}
	return c, c.key != "" && stated != ""
}

// claimHTX: of the query all but the signature, in order of names; the host is signed too.
func claimHTX(s *sealed) (claim, bool) {
	var pairs []string
	stated := ""
	for _, p := range strings.Split(s.query, "&") {
		if v, ok := strings.CutPrefix(p, "Signature="); ok {
			stated, _ = url.QueryUnescape(v)
		} else if p != "" {
			pairs = append(pairs, p)
		}
	}
	slices.Sort(pairs)
	args, _ := url.ParseQuery(s.query)
	c := claim{key: args.Get("AccessKeyId")}
	c.at, _ = time.Parse("2006-01-02T15:04:05", args.Get("Timestamp"))
	c.seal = func(k *Key) bool {
		for _, h := range s.hosts("api.huobi.pro", "api-aws.huobi.pro", "api.hbdm.com", "api.hbdm.vn") {
			if isBase64(stated, keyed(sha256.New, []byte(k.Secret), s.method, "\n", h, "\n", s.path, "\n", strings.Join(pairs, "&"))) {
				return args.Get("SignatureMethod") == "HmacSHA256" && args.Get("SignatureVersion") == "2"
			}
		}
		return false
	}
	return c, c.key != "" && stated != ""
}

func claimBitfinex(s *sealed) (claim, bool) {
	nonce := s.get("bfx-nonce")
	c := claim{key: s.get("bfx-apikey")}
	c.nonce, _ = strconv.ParseInt(nonce, 10, 64)
	c.seal = func(k *Key) bool {
		return c.nonce <= 1<<53 && isHex(s.get("bfx-signature"), keyed(sha512.New384, []byte(k.Secret), "/api", s.path, nonce, s.body))
	}
	return c, c.key != "" && s.get("bfx-signature") != ""
}

// claimGemini: the request is the payload header, and what stands there has to be the
// path that is asked.
func claimGemini(s *sealed) (claim, bool) {
	payload := s.get("X-GEMINI-PAYLOAD")
	b, err := base64.StdEncoding.DecodeString(payload)
	var p struct {
		Request string
		Nonce   json.RawMessage
	}
	if err != nil || json.Unmarshal(b, &p) != nil {
		return claim{}, false
	}
	c := claim{key: s.get("X-GEMINI-APIKEY")}
	c.nonce, _ = strconv.ParseInt(strings.Trim(string(p.Nonce), `"`), 10, 64)
	c.seal = func(k *Key) bool {
		return p.Request == s.path && isHex(s.get("X-GEMINI-SIGNATURE"), keyed(sha512.New384, []byte(k.Secret), payload))
	}
	return c, c.key != "" && s.get("X-GEMINI-SIGNATURE") != ""
}

// claimCryptoCom: method, id, key, the parameters in order of names, and the nonce.
func claimCryptoCom(s *sealed) (claim, bool) {
	var m struct {
		ID, Nonce json.RawMessage
		Method    string
		Params    any
		Key       string `json:"api_key"`
		Sig       string
	}
	d := json.NewDecoder(strings.NewReader(s.body))
	d.UseNumber()
	if d.Decode(&m) != nil || m.Sig == "" {
		return claim{}, false
	}
	id, nonce := strings.Trim(string(m.ID), `"`), strings.Trim(string(m.Nonce), `"`)
	c := claim{key: m.Key, at: millis(nonce)}
	c.seal = func(k *Key) bool {
		return strings.HasSuffix(s.path, "/"+m.Method) && isHex(m.Sig, keyed(sha256.New, []byte(k.Secret), m.Method, id, m.Key, strung(m.Params), nonce))
	}
	return c, m.Key != ""
}

// strung writes parameters as Crypto.com signs them: each name, then its value.
func strung(v any) string {
	switch v := v.(type) {
	case map[string]any:
		var b strings.Builder
		for _, k := range slices.Sorted(maps.Keys(v)) {
			b.WriteString(k + strung(v[k]))
		}
		return b.String()
	case []any:
		var b strings.Builder
		for _, x := range v {
			b.WriteString(strung(x))
		}
		return b.String()
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	return "null"
}

// claimKorean is that of Upbit and Bithumb: a token with the hash of the parameters.
func claimKorean(s *sealed) (claim, bool) {
	signed, sig, head, claims, ok := token(s)
	if !ok {
		return claim{}, false
	}
	c := claim{key: text(claims, "access_key"), once: text(claims, "nonce")}
	params, _ := url.QueryUnescape(s.query)
	if params == "" {
		params = members(s.body)
	}
	hashed := params == "" && claims["query_hash"] == nil || text(claims, "query_hash_alg") == "SHA512" && text(claims, "query_hash") == sum512(params)
	c.seal = func(k *Key) bool {
		h := sha256.New
		if text(head, "alg") == "HS512" {
			h = sha512.New
		}
		return hashed && strings.HasPrefix(text(head, "alg"), "HS") && string(keyed(h, []byte(k.Secret), signed)) == sig
	}
	return c, true
}

// members is a flat JSON object as a query in its own order.
func members(body string) string {
	d := json.NewDecoder(strings.NewReader(body))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return ""
	}
	var out []string
	for d.More() {
		name, err := d.Token()
		var v any
		if err != nil || d.Decode(&v) != nil {
			return ""
		}
		if list, ok := v.([]any); ok {
			for _, x := range list {
				out = append(out, name.(string)+"[]="+strung(x))
			}
			continue
		}
		out = append(out, name.(string)+"="+strung(v))
	}
	return strings.Join(out, "&")
}

func claimDeribit(s *sealed) (claim, bool) {
	rest, ok := strings.CutPrefix(s.get("Authorization"), "deri-hmac-sha256 ")
	f := map[string]string{}
	for _, p := range strings.Split(rest, ",") {
		k, v, _ := strings.Cut(p, "=")
		f[k] = v
	}
	c := claim{key: f["id"], at: millis(f["ts"]), once: f["nonce"]}
	c.seal = func(k *Key) bool {
		return isHex(f["sig"], keyed(sha256.New, []byte(k.Secret), f["ts"], "\n", f["nonce"], "\n", s.method, "\n", s.target(), "\n", s.body, "\n"))
	}
	return c, ok
}

// claimKrakenFutures signs parameters, nonce (if any) and the path behind /derivatives.
func claimKrakenFutures(s *sealed) (claim, bool) {
	c := claim{key: s.get("APIKey")}
	nonce := s.get("Nonce")
	if nonce != "" {
		c.once = nonce
	}
	c.seal = func(k *Key) bool {
		secret, err := base64.StdEncoding.DecodeString(k.Secret)
		return err == nil && isBase64(s.get("Authent"), keyed(sha512.New, secret, sum256(s.query+s.body+nonce+strings.TrimPrefix(s.path, "/derivatives"))))
	}
	return c, c.key != "" && s.get("Authent") != ""
}
