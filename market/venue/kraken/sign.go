package kraken

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"strconv"

	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/market/venue/sign"
)

// Private is the account of Kraken spot. It looks at no time: the nonce alone has to rise.
var Private = venue.Private{
	Needs:   []string{venue.FieldKey, venue.FieldSecret},
	Rights:  "`Query funds`, `Query open orders & trades`, `Query closed orders & trades`, and for the stream `Access WebSockets API`; no others. The secret is the `Private key`",
	Sign:    signCall,
	Request: accountCall, Decode: accountAnswer, Failure: accountFailure, Next: accountNext,
	Stream: &accountStream,
}

// signCall puts the nonce first in the form.
// https://docs.kraken.com/api/docs/guides/spot-rest-auth (seen 2026-08)
func signCall(c venue.Call, k venue.Credentials, m venue.Moment) (venue.Signed, error) {
	if c.Open {
		return c.Unsigned(), nil
	}
	secret, err := sign.FromBase64("Kraken", k.Reveal(venue.FieldSecret))
	if err != nil {
		return venue.Signed{}, err
	}
	nonce := strconv.FormatInt(m.Nonce, 10)
	c.Method, c.Form, c.Body = "POST", true, sign.Join("nonce="+nonce, c.Body)
	sum := sha256.Sum256([]byte(nonce + c.Body))
	out := c.Unsigned()
	out.Header["API-Key"] = k.Reveal(venue.FieldKey)
	out.Header["API-Sign"] = base64.StdEncoding.EncodeToString(sign.Keyed(sha512.New, secret, c.Path, string(sum[:])))
	return out, nil
}
