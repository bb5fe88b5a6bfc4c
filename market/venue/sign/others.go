package sign

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market/venue"
)

// Scheme is how one exchange signs.
type Scheme func(venue.Call, venue.Credentials, venue.Moment) (venue.Signed, error)

// Others are the schemes of exchanges that have no connector yet, by the names they would
// have. A connector takes its own out of here.
func Others() map[string]Scheme {
	m := map[string]Scheme{
		"phemex": phemex, "bitvavo": bitvavo, "whitebit": whitebit, "bingx": bingx,
		"poloniex": poloniex, "bullish": bullish, "backpack": backpack,
	}
	for name, s := range m {
		m[name] = func(c venue.Call, k venue.Credentials, at venue.Moment) (venue.Signed, error) {
			if c.Open {
				return c.Unsigned(), nil
			}
			return s(c, k, at)
		}
	}
	return m
}

// phemex signs path, query, the second at which the request ends, and body.
func phemex(c venue.Call, k venue.Credentials, m venue.Moment) (venue.Signed, error) {
	out := c.Unsigned()
	until := strconv.FormatInt(m.Time.Add(time.Minute).Unix(), 10)
	out.Header["x-phemex-access-token"] = k.Reveal(venue.FieldKey)
	out.Header["x-phemex-request-expiry"] = until
	out.Header["x-phemex-request-signature"] = Hex256(k.Reveal(venue.FieldSecret), c.Path, c.Query, until, c.Body)
	return out, nil
}

// bitvavo signs time, method, path with query, and body.
func bitvavo(c venue.Call, k venue.Credentials, m venue.Moment) (venue.Signed, error) {
	out := c.Unsigned()
	out.Header["BITVAVO-ACCESS-KEY"] = k.Reveal(venue.FieldKey)
	out.Header["BITVAVO-ACCESS-TIMESTAMP"] = m.Millis()
	out.Header["BITVAVO-ACCESS-WINDOW"] = "10000"
	out.Header["BITVAVO-ACCESS-SIGNATURE"] = Hex256(k.Reveal(venue.FieldSecret), m.Millis(), out.Method, out.Path, out.Body)
	return out, nil
}

// whitebit signs the body, which begins with path and nonce, in base64.
func whitebit(c venue.Call, k venue.Credentials, m venue.Moment) (venue.Signed, error) {
	params, err := Inner(c.Body)
	if err != nil {
		return venue.Signed{}, err
	}
	if params != "" {
		params = "," + params
	}
	c.Method = "POST"
	c.Body = `{"request":` + Quote(c.Path) + `,"nonce":"` + strconv.FormatInt(m.Nonce, 10) + `","nonceWindow":false` + params + `}`
	out := c.Unsigned()
	payload := Base64(c.Body)
	out.Header["X-TXC-APIKEY"] = k.Reveal(venue.FieldKey)
	out.Header["X-TXC-PAYLOAD"] = payload
	out.Header["X-TXC-SIGNATURE"] = Hex512(k.Reveal(venue.FieldSecret), payload)
	return out, nil
}

// bingx signs the query in order of names, without its encoding.
func bingx(c venue.Call, k venue.Credentials, m venue.Moment) (venue.Signed, error) {
	c.Query = Sorted(Join(c.Query, "timestamp="+m.Millis()))
	c.Query += "&signature=" + Hex256(k.Reveal(venue.FieldSecret), Plain(c.Query))
	out := c.Unsigned()
	out.Header["X-BX-APIKEY"] = k.Reveal(venue.FieldKey)
	return out, nil
}

// poloniex signs method, path, and the parameters with the time among them.
func poloniex(c venue.Call, k venue.Credentials, m venue.Moment) (venue.Signed, error) {
	out := c.Unsigned()
	params := Sorted(Join(c.Query, "signTimestamp="+m.Millis()))
	if c.Body != "" {
		params = "requestBody=" + c.Body + "&signTimestamp=" + m.Millis()
	}
	out.Header["key"] = k.Reveal(venue.FieldKey)
	out.Header["signTimestamp"] = m.Millis()
	out.Header["signature"] = Base256(k.Reveal(venue.FieldSecret), out.Method, "\n", c.Path, "\n", params)
	return out, nil
}

// bullish signs time, nonce in microseconds, method and path. The answer of
// /trading-api/v1/users/hmac/login is a token, which the other calls show; they sign a
// hash of the same text and the body.
func bullish(c venue.Call, k venue.Credentials, m venue.Moment) (venue.Signed, error) {
	out := c.Unsigned()
	nonce := strconv.FormatInt(m.Nonce*1000, 10)
	text := m.Millis() + nonce + out.Method + c.Path + c.Body
	if !strings.HasSuffix(c.Path, "/hmac/login") {
		sum := sha256.Sum256([]byte(text))
		text = hex.EncodeToString(sum[:])
	}
	out.Header["BX-TIMESTAMP"] = m.Millis()
	out.Header["BX-NONCE"] = nonce
	out.Header["BX-PUBLIC-KEY"] = k.Reveal(venue.FieldKey)
	out.Header["BX-SIGNATURE"] = Hex256(k.Reveal(venue.FieldSecret), text)
	return out, nil
}

// instructions are backpack's names of its private calls, by method and path.
var instructions = map[string]string{
	"GET /api/v1/capital": "balanceQuery", "POST /api/v1/order": "orderExecute", "DELETE /api/v1/order": "orderCancel",
	"GET /api/v1/order": "orderQuery", "GET /api/v1/orders": "orderQueryAll", "DELETE /api/v1/orders": "orderCancelAll",
	"GET /wapi/v1/history/orders": "orderHistoryQueryAll", "GET /wapi/v1/history/fills": "fillHistoryQueryAll",
	"GET /wapi/v1/capital/deposit/address": "depositAddressQuery",
}

// backpack signs the name of the call, its parameters in order of names, time and window,
// with Ed25519.
func backpack(c venue.Call, k venue.Credentials, m venue.Moment) (venue.Signed, error) {
	out := c.Unsigned()
	name := instructions[out.Method+" "+c.Path]
	if name == "" {
		return out, fault.New(fault.Invalid, "backpack has no instruction for %s %s here", out.Method, c.Path)
	}
	key, err := Ed25519(k.Reveal(venue.FieldSecret))
	if err != nil {
		return out, err
	}
	params := c.Query
	if c.Body != "" {
		if params, err = Members(c.Body); err != nil {
			return out, err
		}
	}
	const window = "5000"
	text := Join("instruction="+name, Sorted(params), "timestamp="+m.Millis(), "window="+window)
	out.Header["X-API-Key"] = k.Reveal(venue.FieldKey)
	out.Header["X-Timestamp"] = m.Millis()
	out.Header["X-Window"] = window
	out.Header["X-Signature"] = base64.StdEncoding.EncodeToString(ed25519.Sign(key, []byte(text)))
	return out, nil
}
