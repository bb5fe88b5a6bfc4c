package mexc

import (
	"time"

	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/market/venue/sign"
)

// Private is the spot account of MEXC.
var Private = venue.Private{
	Needs:  []string{venue.FieldKey, venue.FieldSecret},
	Rights: "`View Account Details` and `View Order Details` of spot",
	Window: 5 * time.Second, Ahead: time.Second,
	Sign:    signCall,
	Request: accountCall, Decode: accountSheet.Decode, Failure: complaints.Failure, Next: accountNext,
	Stream: &accountStream,
}

// recvWindow is Private.Window as it is sent.
const recvWindow = "5000"

// signCall puts time, window and signature at the end of the query.
func signCall(c venue.Call, k venue.Credentials, m venue.Moment) (venue.Signed, error) {
	if c.Open {
		return c.Unsigned(), nil
	}
	c.Query = sign.Join(c.Query, "timestamp="+m.Millis(), "recvWindow="+recvWindow)
	c.Query += "&signature=" + sign.Hex256(k.Reveal(venue.FieldSecret), c.Query, c.Body)
	out := c.Unsigned()
	out.Header["X-MEXC-APIKEY"] = k.Reveal(venue.FieldKey)
	if out.Method != "GET" {
		out.Header["Content-Type"] = "application/json"
	}
	return out, nil
}
