package okx

import (
	"time"

	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/market/venue/sign"
)

// Private is the account of OKX.
var Private = venue.Private{
	Needs:  []string{venue.FieldKey, venue.FieldSecret, venue.FieldPassphrase},
	Rights: "`Read` alone",
	Window: 30 * time.Second, Ahead: 30 * time.Second,
	Sign:    signCall,
	Request: accountCall, Decode: accountSheet.Decode, Failure: complaints.Failure, Next: accountNext,
	Stream: &accountStream,
}

// signCall signs time, method, path with query, and body.
func signCall(c venue.Call, k venue.Credentials, m venue.Moment) (venue.Signed, error) {
	out := c.Unsigned()
	if c.Open {
		return out, nil
	}
	at := m.Time.UTC().Format("2006-01-02T15:04:05.000Z")
	out.Header["OK-ACCESS-KEY"] = k.Reveal(venue.FieldKey)
	out.Header["OK-ACCESS-PASSPHRASE"] = k.Reveal(venue.FieldPassphrase)
	out.Header["OK-ACCESS-TIMESTAMP"] = at
	out.Header["OK-ACCESS-SIGN"] = sign.Base256(k.Reveal(venue.FieldSecret), at, out.Method, out.Path, out.Body)
	return out, nil
}
