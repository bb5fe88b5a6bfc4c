package htx

import (
	"net/url"
	"time"

	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/market/venue/sign"
)

// Private is the spot account of HTX.
var Private = venue.Private{
	Needs:  []string{venue.FieldKey, venue.FieldSecret},
	Rights: "`Read-only`",
	Window: 5 * time.Minute, Ahead: 5 * time.Minute,
	Sign:    signCall,
	Request: accountCall, Decode: accountAnswer, Failure: complaints.Failure, Next: accountNext,
	Stream: &accountStream,
}

// SwapPrivate is the cross-margin account of HTX's linear swaps, which signs alike.
var SwapPrivate = venue.Private{
	Needs: Private.Needs, Rights: Private.Rights, Base: "https://api.hbdm.com",
	Window: Private.Window, Ahead: Private.Ahead,
	Sign:    signCall,
	Request: swapAccountCall, Decode: swapAccountSheet.Decode, Failure: complaints.Failure, Next: swapAccountNext,
	Stream: &swapAccountStream,
}

// signCall signs method, host, path and the query in order of names, line by line. Of a
// POST it signs the parameters of the signature itself, and not the body.
func signCall(c venue.Call, k venue.Credentials, m venue.Moment) (venue.Signed, error) {
	if c.Open {
		return c.Unsigned(), nil
	}
	c.Query = sign.Sorted(sign.Join(c.Query, venue.Form(
		"AccessKeyId", k.Reveal(venue.FieldKey), "SignatureMethod", "HmacSHA256", "SignatureVersion", "2",
		"Timestamp", m.Time.UTC().Format("2006-01-02T15:04:05"))))
	s := sign.Base256(k.Reveal(venue.FieldSecret), c.Verb(), "\n", c.Host, "\n", c.Path, "\n", c.Query)
	c.Query += "&Signature=" + url.QueryEscape(s)
	return c.Unsigned(), nil
}
