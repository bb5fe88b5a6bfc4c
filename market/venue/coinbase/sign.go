package coinbase

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/market/venue/sign"
)

// Private is the account of Coinbase Advanced Trade.
var Private = venue.Private{
	Needs:  []string{venue.FieldKey, venue.FieldSecret},
	Rights: "`View` alone. The key is its name, organizations/…/apiKeys/…, or its id; the secret is the private key of the download, ECDSA or Ed25519",
	Window: tokenLife, Ahead: 30 * time.Second,
	Sign:    signCall,
	Request: accountCall, Decode: accountSheet.Decode, Failure: complaints.Failure, Next: venue.NextCursor,
	Stream: &accountStream,
}

// ExchangePrivate is the account of Coinbase Exchange.
var ExchangePrivate = venue.Private{
	Needs:  []string{venue.FieldKey, venue.FieldSecret, venue.FieldPassphrase},
	Rights: "`View` alone",
	Window: 30 * time.Second, Ahead: 30 * time.Second,
	Sign:    signExchangeCall,
	Request: exchangeAccountCall, Decode: exchangeAccountSheet.Decode, Failure: complaints.Failure, Next: exchangeAccountNext,
	Stream: &exchangeAccountStream,
}

// tokenLife is how long a token counts; there is a new one for each request.
const tokenLife = 2 * time.Minute

// signCall shows a token for the method and the address without its query.
// https://docs.cdp.coinbase.com/coinbase-app/authentication-authorization/api-key-authentication (seen 2026-08)
func signCall(c venue.Call, k venue.Credentials, m venue.Moment) (venue.Signed, error) {
	out := c.Unsigned()
	if c.Open {
		return out, nil
	}
	t, err := bearer(k, m, out.Method+" "+c.Host+c.Path)
	if err != nil {
		return out, err
	}
	out.Header["Authorization"] = "Bearer " + t
	return out, nil
}

// bearer makes a token; uri "" is that of the stream.
func bearer(k venue.Credentials, m venue.Moment, uri string) (string, error) {
	key, err := sign.PrivateKey("Coinbase", k.Reveal(venue.FieldSecret))
	if err != nil {
		return "", err
	}
	name := sign.Quote(k.Reveal(venue.FieldKey))
	alg, aud, issuer, claim := "ES256", "retail_rest_api_proxy", "coinbase-cloud", `,"uri":`+sign.Quote(uri)
	if _, ok := key.(ed25519.PrivateKey); ok {
		alg, aud, issuer, claim = "EdDSA", "cdp_service", "cdp", `,"uris":[`+sign.Quote(uri)+`]`
	}
	if uri == "" {
		claim = ""
	}
	now, until := m.Seconds(), strconv.FormatInt(m.Time.Add(tokenLife).Unix(), 10)
	return sign.Token(key,
		`{"alg":"`+alg+`","typ":"JWT","kid":`+name+`,"nonce":"`+m.Hex()+`"}`,
		`{"aud":["`+aud+`"],"iss":"`+issuer+`","nbf":`+now+`,"exp":`+until+`,"sub":`+name+`,"iat":`+now+claim+`}`)
}

// signExchangeCall signs time, method, path with query, and body.
func signExchangeCall(c venue.Call, k venue.Credentials, m venue.Moment) (venue.Signed, error) {
	out := c.Unsigned()
	if c.Open {
		return out, nil
	}
	s, err := exchangeSeal(k, m.Seconds(), out.Method, out.Path, out.Body)
	if err != nil {
		return out, err
	}
	out.Header["CB-ACCESS-KEY"] = k.Reveal(venue.FieldKey)
	out.Header["CB-ACCESS-PASSPHRASE"] = k.Reveal(venue.FieldPassphrase)
	out.Header["CB-ACCESS-TIMESTAMP"] = m.Seconds()
	out.Header["CB-ACCESS-SIGN"] = s
	return out, nil
}

func exchangeSeal(k venue.Credentials, text ...string) (string, error) {
	secret, err := sign.FromBase64("Coinbase Exchange", k.Reveal(venue.FieldSecret))
	if err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(sign.Keyed(sha256.New, secret, strings.Join(text, ""))), nil
}
