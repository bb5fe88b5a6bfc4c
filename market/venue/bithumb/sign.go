package bithumb

import (
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/market/venue/sign"
)

// Private is the account of Bithumb. How old a request may be it does not document; a
// nonce counts once.
var Private = venue.Private{
	Needs:   []string{venue.FieldKey, venue.FieldSecret},
	Rights:  "a key of API 2.0 with `Asset inquiry` and `Order inquiry`",
	Sign:    signCall,
	Request: accountCall, Decode: accountAnswer, Failure: complaints.Failure, Next: accountNext,
	Stream: &accountStream,
}

// signCall shows a token with the time, and the hash of the parameters.
func signCall(c venue.Call, k venue.Credentials, m venue.Moment) (venue.Signed, error) {
	out := c.Unsigned()
	if c.Open {
		return out, nil
	}
	params := sign.Plain(c.Query)
	if params == "" && c.Body != "" {
		var err error
		if params, err = sign.Members(c.Body); err != nil {
			return out, err
		}
	}
	out.Header["Authorization"] = "Bearer " + passport(k, m, params)
	return out, nil
}

// passport is the token of a request, or of the stream's handshake without params.
func passport(k venue.Credentials, m venue.Moment, params string) string {
	claims := `{"access_key":` + sign.Quote(k.Reveal(venue.FieldKey)) + `,"nonce":"` + m.UUID() + `","timestamp":` + m.Millis()
	if params != "" {
		claims += `,"query_hash":"` + sign.SHA512Hex(params) + `","query_hash_alg":"SHA512"`
	}
	return sign.TokenHS256(k.Reveal(venue.FieldSecret), claims+"}")
}
