package gate

import (
	"time"

	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/market/venue/sign"
)

// Private is the spot account of Gate.
var Private = venue.Private{
	Needs:  []string{venue.FieldKey, venue.FieldSecret},
	Rights: "`Spot Trade: Read Only`, and `Wallet: Read Only`; a key of API v4",
	Window: time.Minute, Ahead: time.Minute,
	Sign:    signCall,
	Request: accountCall, Decode: accountAnswer, Failure: complaints.Failure, Next: accountNext,
	Stream: &accountStream,
}

// FuturesPrivate is the account of Gate's perpetuals settled in USDT.
var FuturesPrivate = venue.Private{
	Needs: Private.Needs, Rights: "`Perpetual Futures: Read Only`; a key of API v4",
	Window: time.Minute, Ahead: time.Minute,
	Sign:    signCall,
	Request: futuresAccountCall, Decode: futuresAccountAnswer, Failure: complaints.Failure, Next: accountNext,
}

// signCall signs method, path, query without its encoding, hash of the body, and time,
// line by line.
func signCall(c venue.Call, k venue.Credentials, m venue.Moment) (venue.Signed, error) {
	out := c.Unsigned()
	if c.Open {
		return out, nil
	}
	at := m.Seconds()
	out.Header["KEY"] = k.Reveal(venue.FieldKey)
	out.Header["Timestamp"] = at
	out.Header["SIGN"] = sign.Hex512(k.Reveal(venue.FieldSecret), out.Method, "\n", c.Path, "\n", sign.Plain(c.Query), "\n", sign.SHA512Hex(out.Body), "\n", at)
	return out, nil
}
