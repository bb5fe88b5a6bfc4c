package deribit

import (
	"strconv"
	"time"

	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/market/venue/sign"
)

// Private is the account of Deribit.
var Private = venue.Private{
	Needs:  []string{venue.FieldKey, venue.FieldSecret},
	Rights: "`account:read` and `trade:read`. The key is the client id, the secret the client secret",
	Window: time.Minute, Ahead: time.Minute,
	Sign:    signCall,
	Request: accountCall, Decode: accountSheet.Decode, Failure: complaints.Failure, Next: accountNext,
	Stream: &accountStream,
}

// signCall signs time, nonce, method, path with query, and body, line by line.
func signCall(c venue.Call, k venue.Credentials, m venue.Moment) (venue.Signed, error) {
	out := c.Unsigned()
	if c.Open {
		return out, nil
	}
	at, nonce := m.Millis(), strconv.FormatInt(m.Nonce, 10)
	s := sign.Hex256(k.Reveal(venue.FieldSecret), at, "\n", nonce, "\n", out.Method, "\n", out.Path, "\n", out.Body, "\n")
	out.Header["Authorization"] = "deri-hmac-sha256 id=" + k.Reveal(venue.FieldKey) + ",ts=" + at + ",sig=" + s + ",nonce=" + nonce
	return out, nil
}
