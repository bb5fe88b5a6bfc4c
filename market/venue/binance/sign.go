package binance

import (
	"net/url"
	"strings"
	"time"

	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/market/venue/sign"
)

// Private is the account of Binance spot.
var Private = venue.Private{
	Needs:  []string{venue.FieldKey, venue.FieldSecret},
	Rights: "`Enable Reading` alone; the secret of an HMAC key, or PEM of an Ed25519 key",
	Window: 5 * time.Second, Ahead: time.Second,
	Sign:    signCall,
	Request: accountCall, Decode: accountSheet.Decode, Failure: complaints.Failure, Next: accountNext,
	Stream: &accountStream,
}

// USDMPrivate is the account of Binance USD-M futures, which signs alike.
var USDMPrivate = venue.Private{
	Needs:  Private.Needs,
	Rights: "`Enable Reading` alone; the account must have futures enabled",
	Base:   "https://fapi.binance.com",
	Window: 5 * time.Second, Ahead: time.Second,
	Sign:    signCall,
	Request: usdmCall, Decode: usdmSheet.Decode, Failure: complaints.Failure, Next: usdmNext,
	Stream: &usdmStream,
}

// signCall puts the time first and the signature last, over query and form together. The
// calls of listen keys are those that the key alone is enough for.
func signCall(c venue.Call, k venue.Credentials, m venue.Moment) (venue.Signed, error) {
	if c.Open {
		return c.Unsigned(), nil
	}
	if !strings.HasSuffix(c.Path, "/listenKey") {
		at := "timestamp=" + m.Millis()
		if c.Form {
			c.Body = sign.Join(at, c.Body)
		} else {
			c.Query = sign.Join(at, c.Query)
		}
		s, err := sealed(k.Reveal(venue.FieldSecret), c.Query+c.Body)
		if err != nil {
			return venue.Signed{}, err
		}
		s = url.QueryEscape(s)
		if c.Form {
			c.Body += "&signature=" + s
		} else {
			c.Query += "&signature=" + s
		}
	}
	out := c.Unsigned()
	out.Header["X-MBX-APIKEY"] = k.Reveal(venue.FieldKey)
	return out, nil
}

// sealed is the signature of a text.
func sealed(secret, text string) (string, error) {
	if !strings.Contains(secret, "PRIVATE KEY") {
		return sign.Hex256(secret, text), nil
	}
	return sign.Detached("Binance", secret, text)
}
