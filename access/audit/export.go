package audit

import (
	"bytes"
	"encoding/base64"
	"strconv"
)

// An export is one line per entry, from entry 0 on, each ended by a line feed:
//
//	{"seq":0,"leaf":{"action":...},"hash":"<base64>"}
//
// The leaf is the canonical JSON itself, so that any JSON tool reads the file. A line
// is written one way only. The checkpoint is a file of its own: it is worth more when
// it came another way, and at another time, than the export.

const (
	lineSeq  = `{"seq":`
	lineLeaf = `,"leaf":`
	lineHash = `,"hash":"`
	lineEnd  = `"}`
	// hashText is the length of a hash in base64.
	hashText = 44
	// MaxLine is the most bytes of a line of an export, with its line feed.
	MaxLine = MaxLeaf + 128
)

// AppendLine appends the line of one entry to b. hash is the leaf's hash as the store
// has it, not one computed anew: when a stored leaf was altered, the two differ, and
// the check finds the very line instead of only a wrong root.
func AppendLine(b []byte, seq int64, leaf []byte, hash Hash) []byte {
	b = append(b, lineSeq...)
	b = strconv.AppendInt(b, seq, 10)
	b = append(b, lineLeaf...)
	b = append(b, leaf...)
	b = append(b, lineHash...)
	b = append(b, hash.String()...)
	b = append(b, lineEnd...)
	return append(b, '\n')
}

// line is a line of an export, taken apart; leaf and hash point into it.
type line struct {
	seq  int64
	leaf []byte
	hash []byte // as text
}

// has tells whether the line's hash is h. Base64 can be written in several ways; this
// is the one.
func (l line) has(h Hash) bool {
	var text [hashText]byte
	base64.StdEncoding.Encode(text[:], h[:])
	return bytes.Equal(l.hash, text[:])
}

// parseLine takes apart a line without its line feed. Leaf and hash are not
// looked into. The second result says what is wrong with the line, or is "".
func parseLine(b []byte) (l line, wrong string) {
	c := cursor{rest: b}
	if !c.skip(lineSeq) {
		return l, "it does not begin with " + lineSeq
	}
	before := len(c.rest)
	if !c.number(&l.seq) {
		return l, "its seq is not a number"
	}
	if before-len(c.rest) > 1 && b[len(lineSeq)] == '0' {
		return l, "its seq begins with a zero"
	}
	if !c.skip(lineLeaf) {
		return l, lineLeaf + " does not follow its seq"
	}
	const tail = len(lineHash) + hashText + len(lineEnd)
	if len(c.rest) < tail {
		return l, "it is cut off before its hash"
	}
	l.leaf = c.rest[:len(c.rest)-tail]
	text, ok := bytes.CutPrefix(c.rest[len(l.leaf):], []byte(lineHash))
	if !ok || string(text[hashText:]) != lineEnd {
		return l, "it does not end with a hash of 44 characters and " + lineEnd
	}
	l.hash = text[:hashText]
	return l, ""
}
