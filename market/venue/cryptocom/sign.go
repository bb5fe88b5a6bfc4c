package cryptocom

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/market/venue/sign"
)

// Private is the account of Crypto.com Exchange.
var Private = venue.Private{
	Needs:  []string{venue.FieldKey, venue.FieldSecret},
	Rights: "`Can Read` alone",
	Window: time.Minute, Ahead: time.Minute,
	Sign:    signCall,
	Request: accountCall, Decode: accountSheet.Decode, Failure: complaints.Failure, Next: accountNext,
	Stream: &accountStream,
}

// root is what stands before the method in a path.
const root = "/exchange/v1/"

// signCall puts the JSON body into the envelope of a method, as its params.
func signCall(c venue.Call, k venue.Credentials, m venue.Moment) (venue.Signed, error) {
	if c.Open {
		return c.Unsigned(), nil
	}
	if c.Body == "" {
		c.Body = "{}"
	}
	params, err := flat(c.Body)
	if err != nil {
		return venue.Signed{}, err
	}
	method, key, nonce := strings.TrimPrefix(c.Path, root), k.Reveal(venue.FieldKey), strconv.FormatInt(m.Nonce, 10)
	c.Method = "POST"
	c.Body = `{"id":"` + nonce + `","method":` + sign.Quote(method) + `,"params":` + c.Body + `,"api_key":` + sign.Quote(key) +
		`,"sig":"` + sign.Hex256(k.Reveal(venue.FieldSecret), method, nonce, key, params, nonce) + `","nonce":"` + nonce + `"}`
	return c.Unsigned(), nil
}

// flat writes params as the venue signs them: names in order, each with its value behind
// it, and nothing between.
// https://exchange-docs.crypto.com/exchange/v1/rest-ws/index.html#digital-signature (seen 2026-08)
func flat(body string) (string, error) {
	d := json.NewDecoder(strings.NewReader(body))
	d.UseNumber() // numbers are signed as they stand
	var v map[string]any
	if err := d.Decode(&v); err != nil || d.More() {
		return "", fault.New(fault.Invalid, "the params of a method are a JSON object")
	}
	var out bytes.Buffer
	flatten(&out, v)
	return out.String(), nil
}

func flatten(out *bytes.Buffer, v any) {
	switch v := v.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			out.WriteString(name)
			flatten(out, v[name])
		}
	case []any:
		for _, item := range v {
			flatten(out, item)
		}
	case nil:
		out.WriteString("null")
	case string:
		out.WriteString(v)
	case json.Number:
		out.WriteString(v.String())
	case bool:
		out.WriteString(strconv.FormatBool(v))
	}
}
