package audit_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/assayhq/assay/access/audit"
	"github.com/assayhq/assay/fault"
)

func TestACheckpointSaysWhatItSigned(t *testing.T) {
	s, public := keys(t)
	m := grow(t, 11, honest)
	at := noon.Add(1234567890 * time.Nanosecond)
	signed, c, err := audit.Sign(audit.Checkpoint{}, 11, at, m, s)
	if err != nil {
		t.Fatal(err)
	}
	root, _ := audit.Root(11, m)
	want := fmt.Sprintf("assay.example.com/audit\n11\n%s\ntime %d\n\n— assay.example.com/audit ", root, at.UnixMilli())
	if !strings.HasPrefix(string(signed), want) {
		t.Fatalf("got %s", signed)
	}
	got, err := audit.Open(signed, public)
	if err != nil || got != c || got.Root != root || !got.At.Equal(at.Truncate(time.Millisecond)) {
		t.Fatalf("got %+v, %v", got, err)
	}
	if s.PublicKey() != public || s.Name() != "assay.example.com/audit" {
		t.Fatalf("the signer gives the public key %s", s.PublicKey())
	}
}

func TestAnyBitOfACheckpointCounts(t *testing.T) {
	s, public := keys(t)
	signed, _ := sign(t, s, grow(t, 11, honest), 11)
	for i := range len(signed) * 8 {
		bad := append([]byte(nil), signed...)
		bad[i/8] ^= 1 << (i % 8)
		if c, err := audit.Open(bad, public); err == nil {
			t.Errorf("bit %d of byte %d flipped, and it opens as %+v", i%8, i/8, c)
		}
	}
	for n := range signed {
		if _, err := audit.Open(signed[:n], public); err == nil {
			t.Errorf("its first %d bytes open", n)
		}
	}
}

// The 68 bytes of a signature leave two bits of the last character open, which base64
// usually does not look at.
func TestASignatureIsWrittenOneWay(t *testing.T) {
	s, public := keys(t)
	signed, _ := sign(t, s, grow(t, 3, honest), 3)
	last := len(signed) - len("x=\n")
	if string(signed[last+1:]) != "=\n" {
		t.Fatalf("the signature ends with %q", signed[last:])
	}
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") {
		other := append([]byte(nil), signed...)
		other[last] = c
		if _, err := audit.Open(other, public); (err == nil) != (c == signed[last]) {
			t.Errorf("%c in the place of %c: %v", c, signed[last], err)
		}
	}
}

func TestOnlyTheLogsOwnKeyOpensIt(t *testing.T) {
	s, public := keys(t)
	_, stranger := keys(t) // the same name, another key
	signed, _ := sign(t, s, grow(t, 3, honest), 3)
	if _, err := audit.Open(signed, stranger); fault.Of(err) != fault.Unauthentic {
		t.Errorf("a stranger's key: %v", err)
	}
	altered := []byte(strings.Replace(string(signed), "\n3\n", "\n2\n", 1))
	if _, err := audit.Open(altered, public); fault.Of(err) != fault.Unauthentic {
		t.Errorf("another size: %v", err)
	}
	for _, bad := range []string{"", "x", public[:len(public)-1], strings.Repeat("x", 10_000)} {
		if _, err := audit.Open(signed, bad); fault.Of(err) != fault.Invalid {
			t.Errorf("key %.20q: %v", bad, err)
		}
	}
	if _, err := audit.Open(make([]byte, audit.MaxCheckpoint+1), public); fault.Of(err) != fault.TooLarge {
		t.Errorf("a huge checkpoint: %v", err)
	}
}

// The right key under the wrong text: what was signed must be a checkpoint, of the log
// that the key belongs to, in its one form.
func TestASignedTextThatIsNoCheckpointIsRefused(t *testing.T) {
	private, public, err := audit.NewSigner("log")
	if err != nil {
		t.Fatal(err)
	}
	s, err := note.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	root := audit.LeafHash(nil).String()
	for text, ok := range map[string]bool{
		"log\n3\n" + root + "\ntime 5\n":                         true,
		"log\n3\n" + root + "\n":                                 false, // no time
		"log\n3\n" + root + "\ntime 5\nmore\n":                   false,
		"log\n03\n" + root + "\ntime 5\n":                        false,
		"log\n+3\n" + root + "\ntime 5\n":                        false,
		"log\n-3\n" + root + "\ntime 5\n":                        false,
		"log\n9223372036854775807\n" + root + "\ntime 5\n":       false,
		"log\n3\n" + root[:40] + "\ntime 5\n":                    false,
		"log\n3\n" + root + "\ntime -5\n":                        false,
		"log\n3\n" + root + "\ntime 999999999999999999\n":        false,
		"log\n3\n" + root + "\ntime five\n":                      false,
		"log\n3\n" + root + "\nwhen 5\n":                         false,
		"gol\n3\n" + root + "\ntime 5\n":                         false, // another log
		"hello\n":                                                false,
		"log\n3\n" + root + "\ntime 5\n\n":                       false,
		"log\n3\n" + strings.TrimRight(root, "=") + "\ntime 5\n": false,
	} {
		signed, err := note.Sign(&note.Note{Text: text}, s)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := audit.Open(signed, public); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestAWitnessMaySignBeside(t *testing.T) {
	s, public := keys(t)
	signed, c := sign(t, s, grow(t, 3, honest), 3)
	witness, _, _ := note.GenerateKey(nil, "witness.example.org")
	w, err := note.NewSigner(witness)
	if err != nil {
		t.Fatal(err)
	}
	v, err := note.NewVerifier(public)
	if err != nil {
		t.Fatal(err)
	}
	n, err := note.Open(signed, note.VerifierList(v))
	if err != nil {
		t.Fatal(err)
	}
	both, err := note.Sign(n, w)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := audit.Open(both, public); err != nil || got != c {
		t.Fatalf("got %+v, %v", got, err)
	}
}

func TestTheLogSignsNoSecondHistory(t *testing.T) {
	s, _ := keys(t)
	m := grow(t, 20, honest)
	_, last := sign(t, s, m, 12)
	if _, c, err := audit.Sign(last, 20, noon, m, s); err != nil || c.Size != 20 {
		t.Fatalf("an honest log was not signed: %v", err)
	}
	if _, _, err := audit.Sign(last, 12, noon, m, s); err != nil {
		t.Fatalf("the same size again: %v", err)
	}
	if _, _, err := audit.Sign(last, 20, noon, grow(t, 20, 12), s); err != nil {
		t.Fatalf("entries after the last checkpoint are not yet anybody's: %v", err)
	}
	for fork := range 12 {
		signed, _, err := audit.Sign(last, 20, noon, grow(t, 20, fork), s)
		if fault.Of(err) != fault.Conflict || signed != nil {
			t.Errorf("entry %d was changed, and the log signed it: %v", fork, err)
		}
	}
	if _, _, err := audit.Sign(last, 11, noon, m, s); fault.Of(err) != fault.Conflict {
		t.Errorf("entry 11 was dropped: %v", err)
	}
	if _, _, err := audit.Sign(last, 20, time.Time{}, m, s); fault.Of(err) != fault.Invalid {
		t.Errorf("signed for no time: %v", err)
	}
	_, none := sign(t, s, m, 0)
	if _, _, err := audit.Sign(none, 20, noon, m, s); err != nil {
		t.Errorf("after an empty log: %v", err)
	}
}

func TestAPrivateKeyIsNeverPrinted(t *testing.T) {
	private, public, err := audit.NewSigner("log")
	if err != nil {
		t.Fatal(err)
	}
	s, err := audit.ParseSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{"%v", "%+v", "%s", "%#v"} {
		if got := fmt.Sprintf(f, s); got != "secret" {
			t.Errorf("%s prints %s", f, got)
		}
	}
	secret := strings.SplitN(private, "+", 5)[4] // base64 has a + too
	for _, bad := range []string{private + "x", private[:len(private)-4], strings.Replace(private, "+log+", "+gol+", 1), private + strings.Repeat("=", 1000), ""} {
		if _, err := audit.ParseSigner(bad); err == nil || strings.Contains(err.Error(), secret[:20]) {
			t.Errorf("a broken key: %v", err)
		}
	}
	if _, err := audit.Open(nil, private); fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), "this is a private") || strings.Contains(err.Error(), secret[:20]) {
		t.Errorf("the private key in the place of the public: %v", err)
	}
	if strings.Contains(public, "PRIVATE") {
		t.Error("the public key is private")
	}
	for _, name := range []string{"", "a b", "a+b", "a\nb", "\xff", "a\x00", strings.Repeat("x", 300)} {
		if _, _, err := audit.NewSigner(name); fault.Of(err) != fault.Invalid {
			t.Errorf("name %q: %v", name, err)
		}
	}
}

func FuzzOpen(f *testing.F) {
	private, public, err := audit.NewSigner("log")
	if err != nil {
		f.Fatal(err)
	}
	s, _ := audit.ParseSigner(private)
	signed, want, err := audit.Sign(audit.Checkpoint{}, 0, noon, &audit.Memory{}, s)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(signed)
	f.Add([]byte("log\n3\n\ntime 5\n\n— log AAAA\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := audit.Open(b, public); err == nil && c != want {
			t.Fatalf("a checkpoint that was never signed opens: %+v", c)
		}
	})
}
