package audit

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"

	"github.com/assayhq/assay/fault"
)

// maxKey is the most bytes of a key as text: a name, and about 70 bytes around it.
const maxKey = MaxName + 128

// NewSigner makes a key pair for the log called name, in the text form of
// golang.org/x/mod/sumdb/note: the private key for ParseSigner, the public one to hand
// out. The name is usually a host with a path, such as assay.example.com/audit; it
// becomes the origin of the log's checkpoints, and a log keeps it for life.
func NewSigner(name string) (privateKey, publicKey string, err error) {
	if err := checkOrigin(name); err != nil {
		return "", "", err
	}
	privateKey, publicKey, err = note.GenerateKey(rand.Reader, name)
	if err != nil {
		return "", "", fault.Wrap(fault.Internal, err, "the audit key could not be made")
	}
	return privateKey, publicKey, nil
}

func checkOrigin(name string) error {
	if name == "" || len(name) > MaxName || !utf8.ValidString(name) || strings.Contains(name, "+") ||
		strings.ContainsFunc(name, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
		return fault.At(fault.Invalid, "name", "the name of an audit log has 1 to %d bytes without spaces and +, such as assay.example.com/audit", MaxName)
	}
	return nil
}

// Signer signs the checkpoints of one log. It prints as "secret".
type Signer struct {
	name   string
	public string
	signer note.Signer
}

// ParseSigner reads a private key made by NewSigner.
func ParseSigner(privateKey string) (*Signer, error) {
	// The key itself must not get into the error, and neither note nor base64 quote it.
	if len(privateKey) > maxKey {
		return nil, fault.New(fault.Invalid, "the private audit key is longer than %d bytes", maxKey)
	}
	s, err := note.NewSigner(privateKey)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "the private audit key is not of the form PRIVATE+KEY+name+hash+base64")
	}
	if err := checkOrigin(s.Name()); err != nil {
		return nil, err
	}
	// note has checked the form PRIVATE+KEY+name+hash+base64(1, seed).
	raw, err := base64.StdEncoding.DecodeString(strings.SplitN(privateKey, "+", 5)[4])
	if err != nil || len(raw) != 1+ed25519.SeedSize {
		return nil, fault.New(fault.Invalid, "the private audit key does not hold an Ed25519 seed")
	}
	public, err := note.NewEd25519VerifierKey(s.Name(), ed25519.NewKeyFromSeed(raw[1:]).Public().(ed25519.PublicKey))
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "the public audit key could not be derived")
	}
	return &Signer{name: s.Name(), public: public, signer: s}, nil
}

// Name is the log's name.
func (s *Signer) Name() string { return s.name }

// PublicKey is the key with which others open what s signs.
func (s *Signer) PublicKey() string { return s.public }

// String is "secret".
func (s *Signer) String() string { return "secret" }

// GoString is "secret".
func (s *Signer) GoString() string { return "secret" }

// parsePublic reads a public key made by NewSigner.
func parsePublic(publicKey string) (note.Verifier, error) {
	if len(publicKey) > maxKey {
		return nil, fault.At(fault.Invalid, "public_key", "the public audit key is longer than %d bytes", maxKey)
	}
	if strings.HasPrefix(publicKey, "PRIVATE+KEY+") {
		return nil, fault.At(fault.Invalid, "public_key", "this is a private audit key; give the public one, and replace this one if others saw it")
	}
	v, err := note.NewVerifier(strings.TrimSpace(publicKey))
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "the public audit key is not of the form name+hash+base64")
	}
	return v, nil
}

// strict tells whether every signature of a note is written in the one way that base64
// allows. note accepts several, so that a bit could change without being noticed.
func strict(n *note.Note) bool {
	for _, sigs := range [][]note.Signature{n.Sigs, n.UnverifiedSigs} {
		for _, s := range sigs {
			if _, err := base64.StdEncoding.Strict().DecodeString(s.Base64); err != nil {
				return false
			}
		}
	}
	return true
}
