package webhook

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/fault"
)

// Headers of a delivery.
const (
	HeaderID        = "webhook-id"
	HeaderTimestamp = "webhook-timestamp"
	HeaderSignature = "webhook-signature"
)

// Tolerance is how far the time of a delivery may be from the receiver's clock.
const Tolerance = 5 * time.Minute

// Bounds of what Verify reads, so that a hostile sender buys no work.
const (
	maxID         = 256
	maxSignatures = 16
	maxSignature  = 4 << 10 // bytes of the header
)

// signed is the text that signatures cover: id, seconds and body with full stops between.
func signed(id string, seconds int64, body []byte) []byte {
	b := make([]byte, 0, len(id)+len(body)+24)
	b = append(b, id...)
	b = append(b, '.')
	b = strconv.AppendInt(b, seconds, 10)
	b = append(b, '.')
	return append(b, body...)
}

func (k *Key) hmac(text []byte) []byte {
	h := hmac.New(sha256.New, k.mac)
	h.Write(text)
	return h.Sum(nil)
}

// Sign gives the webhook-signature of a delivery made at a time: one signature per key,
// with spaces between, which is how keys are replaced without a gap.
func Sign(id string, at time.Time, body []byte, keys ...Key) (string, error) {
	if len(keys) == 0 {
		return "", fault.New(fault.Invalid, "a delivery needs at least one signing key")
	}
	if id == "" || len(id) > maxID || strings.ContainsAny(id, ". \r\n") {
		return "", fault.At(fault.Invalid, HeaderID, "a webhook id has 1 to %d bytes and no full stop or space", maxID)
	}
	text := signed(id, at.Unix(), body)
	out := make([]string, 0, len(keys))
	for i := range keys {
		switch k := &keys[i]; {
		case k.mac != nil:
			out = append(out, "v1,"+base64.StdEncoding.EncodeToString(k.hmac(text)))
		case k.private != nil:
			out = append(out, "v1a,"+base64.StdEncoding.EncodeToString(ed25519.Sign(k.private, text)))
		default:
			return "", fault.New(fault.Invalid, "a public key cannot sign a delivery")
		}
	}
	return strings.Join(out, " "), nil
}

// Verify tells whether one of the keys signed the delivery, and within Tolerance of now.
// It says fault.Invalid for headers that cannot be read and fault.Unauthentic otherwise.
// Signatures are compared in constant time; unknown versions are ignored.
func Verify(h http.Header, body []byte, now time.Time, keys ...Key) error {
	id, stamp, sigs := h.Get(HeaderID), h.Get(HeaderTimestamp), h.Get(HeaderSignature)
	if id == "" || len(id) > maxID || stamp == "" || len(stamp) > 20 || sigs == "" || len(sigs) > maxSignature {
		return fault.New(fault.Invalid, "a delivery needs the headers %s, %s and %s", HeaderID, HeaderTimestamp, HeaderSignature)
	}
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || seconds < 0 || strconv.FormatInt(seconds, 10) != stamp {
		return fault.At(fault.Invalid, HeaderTimestamp, "%s must be whole seconds since 1970", HeaderTimestamp)
	}
	// Seconds are compared as numbers: a time.Duration overflows for far-away dates.
	most := int64(Tolerance / time.Second)
	if n := now.Unix(); seconds < n-most || seconds > n+most {
		return fault.At(fault.Unauthentic, HeaderTimestamp, "the delivery's time is more than %v away from this clock", Tolerance)
	}
	text := signed(id, seconds, body)
	list := strings.Split(sigs, " ")
	if len(list) > maxSignatures {
		return fault.At(fault.Invalid, HeaderSignature, "more than %d signatures", maxSignatures)
	}
	for _, s := range list {
		version, b64, _ := strings.Cut(s, ",")
		sig, err := base64.StdEncoding.DecodeString(b64)
		if err != nil {
			continue
		}
		for i := range keys {
			switch k := &keys[i]; {
			case version == "v1" && k.mac != nil && hmac.Equal(sig, k.hmac(text)):
				return nil
			case version == "v1a" && k.public != nil && len(sig) == ed25519.SignatureSize && ed25519.Verify(k.public, text, sig):
				return nil
			}
		}
	}
	return fault.At(fault.Unauthentic, HeaderSignature, "no signature of the delivery is by a known key")
}
