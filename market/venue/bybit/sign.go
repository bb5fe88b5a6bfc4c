package bybit

import (
	"time"

	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/market/venue/sign"
)

// recvWindow is Private.Window as it is sent.
const recvWindow = "5000"

// Private is the unified account of Bybit.
var Private = venue.Private{
	Needs:  []string{venue.FieldKey, venue.FieldSecret},
	Rights: "a read-only key with `Orders`, `Positions`, `Trade` of spot and contracts, and `Wallet`",
	Window: 5 * time.Second, Ahead: time.Second,
	Sign:    signCall,
	Request: accountCall, Decode: accountAnswer, Failure: complaints.Failure, Next: accountNext,
	Stream: &accountStream,
}

// signCall signs time, key, window, and the query of a GET or the body of a POST.
func signCall(c venue.Call, k venue.Credentials, m venue.Moment) (venue.Signed, error) {
	out := c.Unsigned()
	if c.Open {
		return out, nil
	}
	key := k.Reveal(venue.FieldKey)
	out.Header["X-BAPI-API-KEY"] = key
	out.Header["X-BAPI-TIMESTAMP"] = m.Millis()
	out.Header["X-BAPI-RECV-WINDOW"] = recvWindow
	out.Header["X-BAPI-SIGN"] = sign.Hex256(k.Reveal(venue.FieldSecret), m.Millis(), key, recvWindow, c.Query, c.Body)
	return out, nil
}
