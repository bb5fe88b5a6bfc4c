package gemini

import (
	"strconv"
	"time"

	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/market/venue/sign"
)

// Private is the account of Gemini.
var Private = venue.Private{
	Needs:  []string{venue.FieldKey, venue.FieldSecret},
	Rights: "an account key (account-…) with the role `Auditor`, and `Requires Heartbeat` off",
	Window: 30 * time.Second, Ahead: 30 * time.Second,
	Sign:    signCall,
	Request: accountCall, Decode: accountAnswer, Failure: complaints.Failure, Next: accountNext,
	Stream: &accountStream,
}

// signCall moves the JSON body into a header, behind the path and the nonce; what is sent
// has no body.
func signCall(c venue.Call, k venue.Credentials, m venue.Moment) (venue.Signed, error) {
	if c.Open {
		return c.Unsigned(), nil
	}
	params, err := sign.Inner(c.Body)
	if err != nil {
		return venue.Signed{}, err
	}
	c.Method, c.Body = "POST", ""
	out := c.Unsigned()
	for name, v := range proof(c.Path, params, k, m) {
		out.Header[name] = v
	}
	out.Header["Content-Type"], out.Header["Cache-Control"] = "text/plain", "no-cache"
	return out, nil
}

// proof is the three headers of a request or of a stream's handshake.
func proof(path, params string, k venue.Credentials, m venue.Moment) map[string]string {
	if params != "" {
		params = "," + params
	}
	payload := sign.Base64(`{"request":` + sign.Quote(path) + `,"nonce":"` + strconv.FormatInt(m.Nonce, 10) + `"` + params + `}`)
	return map[string]string{
		"X-GEMINI-APIKEY":    k.Reveal(venue.FieldKey),
		"X-GEMINI-PAYLOAD":   payload,
		"X-GEMINI-SIGNATURE": sign.Hex384(k.Reveal(venue.FieldSecret), payload),
	}
}
