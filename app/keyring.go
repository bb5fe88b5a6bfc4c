package app

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/access/secret"
	"github.com/assayhq/assay/fault"
)

// A keyring is the text of the secret `pepper`: every version that anything was ever
// digested or sealed with, since a record keeps its pepper until it is written again.
//
//	1:BASE64,2:BASE64@1790000000
//
// The number behind @ is the Unix time from which the version makes what is new; before,
// it only verifies, so that every server knows it by then. Base64 is the standard one,
// with or without padding. A text without a colon is version 1.
type keyring map[int]pepper

type pepper struct {
	key  []byte    // 32 bytes or more
	from time.Time // zero: at once
}

// minPepper is the least of a pepper in bytes, and maxPepper the most.
const minPepper, maxPepper = 32, 256

// maxVersion is the highest number of a version: the gate keeps it in a byte.
const maxVersion = 250

// parseKeyring reads the text. Its errors quote nothing of it.
func parseKeyring(text string) (keyring, error) {
	out := keyring{}
	text = strings.TrimSpace(text)
	if !strings.Contains(text, ":") {
		text = "1:" + text
	}
	for i, part := range strings.Split(text, ",") {
		where := fmt.Sprintf("entry %d of the secret `pepper`", i+1)
		number, rest, ok := strings.Cut(strings.TrimSpace(part), ":")
		v, err := strconv.Atoi(number)
		if !ok || err != nil || v < 1 || v > maxVersion || strconv.Itoa(v) != number {
			return nil, fault.New(fault.Invalid, "%s does not begin with a version from 1 to %d and a colon", where, maxVersion)
		}
		if _, twice := out[v]; twice {
			return nil, fault.New(fault.Invalid, "%s is version %d again", where, v)
		}
		body, at, dated := strings.Cut(rest, "@")
		var p pepper
		if p.key, err = base64.RawStdEncoding.DecodeString(strings.TrimRight(body, "=")); err != nil {
			return nil, fault.New(fault.Invalid, "%s is not base64; `openssl rand -base64 32` makes one", where)
		}
		if n := len(p.key); n < minPepper || n > maxPepper {
			return nil, fault.New(fault.Invalid, "%s has %d bytes, it needs %d to %d", where, n, minPepper, maxPepper)
		}
		if dated {
			sec, err := strconv.ParseInt(at, 10, 64)
			if err != nil || sec < 0 || sec > 1<<40 || strconv.FormatInt(sec, 10) != at {
				return nil, fault.New(fault.Invalid, "%s does not end with @ and a Unix time in seconds", where)
			}
			p.from = time.Unix(sec, 0).UTC()
		}
		out[v] = p
	}
	return out, nil
}

// text is the form that parseKeyring reads.
func (k keyring) text() secret.Value {
	var b strings.Builder
	for i, v := range slices.Sorted(maps.Keys(k)) {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%d:%s", v, base64.StdEncoding.EncodeToString(k[v].key))
		if !k[v].from.IsZero() {
			fmt.Fprintf(&b, "@%d", k[v].from.Unix())
		}
	}
	return secret.Of(b.String())
}

func (k keyring) keys() map[int][]byte {
	out := map[int][]byte{}
	for v, p := range k {
		out[v] = p.key
	}
	return out
}

// newest is the version that makes what is new at a time; 0 for an empty ring.
func (k keyring) newest(now time.Time) int {
	best, first := 0, 0
	for _, v := range slices.Sorted(maps.Keys(k)) {
		if first == 0 {
			first = v
		}
		if !now.Before(k[v].from) {
			best = v
		}
	}
	if best == 0 {
		return first // none has begun: something has to be used
	}
	return best
}

// next adds a version that makes what is new from a time on.
func (k keyring) next(from time.Time) (keyring, int, error) {
	out := maps.Clone(k)
	if out == nil {
		out = keyring{}
	}
	v := 1
	for n := range k {
		v = max(v, n+1)
	}
	if v > maxVersion {
		return nil, 0, fault.New(fault.Exhausted, "there were %d peppers, the most there can be", maxVersion)
	}
	fresh := make([]byte, minPepper)
	rand.Read(fresh) // never fails
	if !from.IsZero() {
		from = from.UTC().Truncate(time.Second)
	}
	out[v] = pepper{fresh, from}
	return out, v, nil
}

// String is "secret".
func (keyring) String() string { return "secret" }

// GoString is "secret".
func (keyring) GoString() string { return "secret" }
