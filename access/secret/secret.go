// Package secret says what a kept secret is, who may read and change it, and how a new
// one is put in the place of an old one without a moment in which neither works.
//
// A secret has a name and at most three versions: the current one, the previous one and
// a pending one that has been written but not yet tested. It never reads a clock, a file
// or the network: that is for the windows below it (file, env, vault, awssm), each of
// which passes the exam in secrettest. What always holds: a value prints as "secret"
// wherever it is printed, no error carries a value, and the current version changes only
// by Promote of a version that was pending. The app reads its own secrets through it,
// and the rotation of client keys delivers new keys through Push.
package secret

import (
	"context"
	"crypto/rand"
	"encoding/hex"

	"github.com/assayhq/assay/fault"
)

// MaxName is the longest name, in bytes.
const MaxName = 256

// MaxValue is the longest value, in bytes: the most that AWS Secrets Manager takes.
const MaxValue = 64 << 10

// Reader gives secrets.
type Reader interface {
	// Read gives the versions of a secret. Errors: fault.Unknown when it has none,
	// Unauthentic when our own credentials are refused, Denied when they do not reach so
	// far, Unavailable when the keeper is out of reach, Invalid for a bad name.
	Read(ctx context.Context, name string) (Versions, error)
}

// Writer also changes them. Each call is atomic for readers and safe to repeat after a
// lost answer. Errors are those of Read, and Conflict when the state does not allow the
// change, as the methods of Versions tell.
type Writer interface {
	Reader
	// WritePending keeps a value beside the current one and gives its version; a name
	// that is not there yet comes into being. See Versions.WithPending.
	WritePending(ctx context.Context, name string, value Value) (version string, err error)
	// Promote makes the pending version current and the current one previous. See
	// Versions.Promoted.
	Promote(ctx context.Context, name, version string) error
	// Discard forgets the pending version. See Versions.Discarded.
	Discard(ctx context.Context, name, version string) error
}

// CheckName gives fault.Invalid unless a name is 1 to MaxName bytes of letters, digits
// and / _ . - with no empty part, no part that is a dot and no two dots in a row: such a
// name means the same thing as a path, a URL and a file name.
func CheckName(name string) error {
	if name == "" || len(name) > MaxName {
		return fault.At(fault.Invalid, "name", "the name of a secret has 1 to %d bytes, this one has %d", MaxName, len(name))
	}
	from := 0
	for i := 0; i <= len(name); i++ {
		if i == len(name) || name[i] == '/' {
			if part := name[from:i]; part == "" || part == "." {
				return fault.At(fault.Invalid, "name", "the name of a secret has an empty part or the part `.` at byte %d: write it like `exchange/kraken/key`", from)
			}
			from = i + 1
			continue
		}
		c := name[i]
		switch {
		case c == '.' && i > 0 && name[i-1] == '.':
			return fault.At(fault.Invalid, "name", "the name of a secret has two dots in a row at byte %d", i-1)
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '.', c == '-':
		default:
			return fault.At(fault.Invalid, "name", "the name of a secret has the byte 0x%02x at byte %d: only letters, digits and / _ . - may be used", c, i)
		}
	}
	return nil
}

// NewID makes a version's id: 128 random bits as 32 hexadecimal digits, which is also
// the shortest id that AWS Secrets Manager takes.
func NewID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24: it ends the program instead
	return hex.EncodeToString(b[:])
}
