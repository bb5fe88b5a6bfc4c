package bitfinex

import (
	"strconv"

	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/market/venue/sign"
)

// Private is the account of Bitfinex. It looks at no time: the nonce alone has to rise.
var Private = venue.Private{
	Needs:   []string{venue.FieldKey, venue.FieldSecret},
	Rights:  "reading of `Account History`, `Orders` and `Wallets`; nothing that writes",
	Base:    "https://api.bitfinex.com",
	Sign:    signCall,
	Request: accountCall, Decode: accountAnswer, Failure: accountFailure, Next: accountNext,
	Stream: &accountStream,
}

// signCall signs the path as /api/v2/…, the nonce and the body.
func signCall(c venue.Call, k venue.Credentials, m venue.Moment) (venue.Signed, error) {
	if c.Open {
		return c.Unsigned(), nil
	}
	c.Method = "POST"
	if c.Body == "" {
		c.Body = "{}"
	}
	nonce := strconv.FormatInt(m.Nonce, 10)
	out := c.Unsigned()
	out.Header["bfx-apikey"] = k.Reveal(venue.FieldKey)
	out.Header["bfx-nonce"] = nonce
	out.Header["bfx-signature"] = sign.Hex384(k.Reveal(venue.FieldSecret), "/api", c.Path, nonce, c.Body)
	return out, nil
}
