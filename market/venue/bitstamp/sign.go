package bitstamp

import (
	"time"

	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/market/venue/sign"
)

// Private is the account of Bitstamp.
var Private = venue.Private{
	Needs:  []string{venue.FieldKey, venue.FieldSecret},
	Rights: "`Account balance`, `User transactions`, `Open orders` and `Order status`; no others",
	Window: 150 * time.Second, Ahead: 150 * time.Second,
	Sign:    signCall,
	Request: accountCall, Decode: accountAnswer, Failure: complaints.Failure, Next: accountNext,
	Stream: &accountStream,
}

// signCall signs who, what, where and when; the content type is part of the text only
// where there is a body.
func signCall(c venue.Call, k venue.Credentials, m venue.Moment) (venue.Signed, error) {
	if c.Open {
		return c.Unsigned(), nil
	}
	c.Method, c.Form = "POST", c.Body != ""
	out := c.Unsigned()
	who, query := "BITSTAMP "+k.Reveal(venue.FieldKey), ""
	if c.Query != "" {
		query = "?" + c.Query
	}
	out.Header["X-Auth"] = who
	out.Header["X-Auth-Nonce"] = m.UUID()
	out.Header["X-Auth-Timestamp"] = m.Millis()
	out.Header["X-Auth-Version"] = "v2"
	out.Header["X-Auth-Signature"] = sign.Hex256(k.Reveal(venue.FieldSecret),
		who, out.Method, c.Host, c.Path, query, out.Header["Content-Type"], m.UUID(), m.Millis(), "v2", out.Body)
	return out, nil
}
