package krakenfutures

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"strings"

	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/market/venue/sign"
)

// Private is the account of Kraken Futures. It looks at no time, and needs no nonce.
var Private = venue.Private{
	Needs:   []string{venue.FieldKey, venue.FieldSecret},
	Rights:  "`General API: Read Only`; a key made at Kraken Futures, not at spot",
	Sign:    signCall,
	Request: accountCall, Decode: accountAnswer, Failure: complaints.Failure, Next: accountNext,
	Stream: &accountStream,
}

// signCall signs the parameters and the path without /derivatives.
// https://docs.kraken.com/api/docs/guides/futures-rest (seen 2026-08)
func signCall(c venue.Call, k venue.Credentials, m venue.Moment) (venue.Signed, error) {
	c.Form = true
	out := c.Unsigned()
	if c.Open {
		return out, nil
	}
	s, err := seal(k, c.Query+c.Body+strings.TrimPrefix(c.Path, "/derivatives"))
	if err != nil {
		return out, err
	}
	out.Header["APIKey"], out.Header["Authent"] = k.Reveal(venue.FieldKey), s
	return out, nil
}

// seal is the signature of a text; of a stream's challenge too.
func seal(k venue.Credentials, text string) (string, error) {
	secret, err := sign.FromBase64("Kraken Futures", k.Reveal(venue.FieldSecret))
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(text))
	return base64.StdEncoding.EncodeToString(sign.Keyed(sha512.New, secret, string(sum[:]))), nil
}
