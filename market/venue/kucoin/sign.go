package kucoin

import (
	"time"

	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/market/venue/sign"
)

// Private is the trade account of KuCoin spot.
var Private = venue.Private{
	Needs:  []string{venue.FieldKey, venue.FieldSecret, venue.FieldPassphrase},
	Rights: "`General` alone; a key of version 2 or 3",
	Window: 5 * time.Second, Ahead: 5 * time.Second,
	Sign:    signCall,
	Request: accountCall, Decode: accountSheet.Decode, Failure: complaints.Failure, Next: accountNext,
	Stream: &accountStream,
}

// FuturesPrivate is the account of KuCoin futures, which signs alike.
var FuturesPrivate = venue.Private{
	Needs: Private.Needs, Rights: Private.Rights, Base: "https://api-futures.kucoin.com",
	Window: Private.Window, Ahead: Private.Ahead,
	Sign:    signCall,
	Request: futuresAccountCall, Decode: futuresAccountSheet.Decode, Failure: complaints.Failure, Next: accountNext,
	Stream: &futuresAccountStream,
}

// signCall signs time, method, path with query, and body; the passphrase is hashed too.
func signCall(c venue.Call, k venue.Credentials, m venue.Moment) (venue.Signed, error) {
	out := c.Unsigned()
	if c.Open {
		return out, nil
	}
	secret := k.Reveal(venue.FieldSecret)
	out.Header["KC-API-KEY"] = k.Reveal(venue.FieldKey)
	out.Header["KC-API-KEY-VERSION"] = "2"
	out.Header["KC-API-TIMESTAMP"] = m.Millis()
	out.Header["KC-API-PASSPHRASE"] = sign.Base256(secret, k.Reveal(venue.FieldPassphrase))
	out.Header["KC-API-SIGN"] = sign.Base256(secret, m.Millis(), out.Method, out.Path, out.Body)
	return out, nil
}
