package secret

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"log/slog"
	"unicode/utf8"

	"github.com/assayhq/assay/fault"
)

// shown is what a value prints as, everywhere.
const shown = "secret"

// Value is a secret text. It prints, logs and encodes as "secret"; only Reveal gives the
// text, so that a search for Reveal finds every place where a secret leaves. The zero
// Value is empty.
type Value struct {
	_ [0]func() // == does not compile: Equal is the only comparison

	// A pointer, since fmt calls no methods on unexported fields: inside another
	// package's struct an address is printed, not the text.
	text *string
}

// Of makes a value of a text.
func Of(text string) Value { return Value{text: &text} }

// Reveal gives the text.
func (v Value) Reveal() string {
	if v.text == nil {
		return ""
	}
	return *v.text
}

// Empty tells whether there is no text.
func (v Value) Empty() bool { return v.Reveal() == "" }

// Equal compares in a time that depends on the lengths only.
func (v Value) Equal(w Value) bool {
	a, b := sha256.Sum256([]byte(v.Reveal())), sha256.Sum256([]byte(w.Reveal()))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// Check gives fault.Invalid unless the text is 1 to MaxValue bytes of UTF-8, which every
// keeper stores unchanged. Other bytes are to be written as base64.
func (v Value) Check() error {
	switch s := v.Reveal(); {
	case s == "":
		return fault.At(fault.Invalid, "value", "the secret is empty")
	case len(s) > MaxValue:
		return fault.At(fault.Invalid, "value", "the secret has %d bytes, at most %d are kept", len(s), MaxValue)
	case !utf8.ValidString(s):
		return fault.At(fault.Invalid, "value", "the secret is not UTF-8: write its bytes as base64")
	}
	return nil
}

// String is "secret".
func (Value) String() string { return shown }

// Format prints "secret" for every verb and flag.
func (Value) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(shown)) }

// LogValue is "secret".
func (Value) LogValue() slog.Value { return slog.StringValue(shown) }

// MarshalText gives "secret", in JSON too; there is no way back, so that a value is
// never kept by accident.
func (Value) MarshalText() ([]byte, error) { return []byte(shown), nil }
