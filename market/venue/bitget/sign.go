package bitget

import (
	"time"

	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/market/venue/sign"
)

// Private is the spot account of Bitget.
var Private = venue.Private{
	Needs:  []string{venue.FieldKey, venue.FieldSecret, venue.FieldPassphrase},
	Rights: "`Read-only`, with `Spot: Orders` and `Wallet`",
	Window: 30 * time.Second, Ahead: 30 * time.Second,
	Sign:    signCall,
	Request: accountCall, Decode: accountSheet.Decode, Failure: complaints.Failure, Next: accountNext,
	Stream: &accountStream,
}

// signCall signs time, method, path with the query in order of names, and body.
func signCall(c venue.Call, k venue.Credentials, m venue.Moment) (venue.Signed, error) {
	if c.Open {
		return c.Unsigned(), nil
	}
	c.Query = sign.Sorted(c.Query)
	out := c.Unsigned()
	out.Header["ACCESS-KEY"] = k.Reveal(venue.FieldKey)
	out.Header["ACCESS-PASSPHRASE"] = k.Reveal(venue.FieldPassphrase)
	out.Header["ACCESS-TIMESTAMP"] = m.Millis()
	out.Header["ACCESS-SIGN"] = sign.Base256(k.Reveal(venue.FieldSecret), m.Millis(), out.Method, out.Path, out.Body)
	return out, nil
}
