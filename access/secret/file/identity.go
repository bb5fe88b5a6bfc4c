package file

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"runtime"

	"filippo.io/age"
	"github.com/assayhq/assay/fault"
)

// maxIdentity is the longest identity file, in bytes: the key line and some comments.
const maxIdentity = 4 << 10

// readIdentity reads one X25519 identity from a file that only its owner may read.
func readIdentity(path string) (*age.X25519Identity, error) {
	b, err := readAtMost(path, maxIdentity)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.Wrap(fault.Unknown, err, "there is no identity file at %s", path)
	}
	if err != nil {
		return nil, opening(err, "the identity", path)
	}
	in, err := os.Stat(path)
	if err != nil {
		return nil, opening(err, "the identity", path)
	}
	if m := in.Mode().Perm(); m&0o077 != 0 && runtime.GOOS != "windows" {
		return nil, fault.New(fault.Denied, "the identity %s has mode %04o, so that others may use it: run chmod 600 on it, and make a new one if others could have read it", path, m)
	}
	ids, err := age.ParseIdentities(bytes.NewReader(b))
	if err != nil || len(ids) != 1 { // the parser's error may quote the line
		return nil, fault.New(fault.Invalid, "the file %s is not one age identity: it has one line that begins with AGE-SECRET-KEY-1", path)
	}
	key, ok := ids[0].(*age.X25519Identity)
	if !ok {
		return nil, fault.New(fault.Invalid, "the identity %s is not of the kind X25519", path)
	}
	return key, nil
}

// makeIdentity writes a new identity where none is; fs.ErrExist when there is one.
func makeIdentity(path string) error {
	key, err := age.GenerateX25519Identity()
	if err != nil {
		return fault.Wrap(fault.Internal, err, "no identity could be made")
	}
	// Linked into place when it is whole, so that a second process never reads half a key,
	// and without replacing: a lost identity is a lost store.
	part, err := os.CreateTemp(dir(path), ".identity-*") // mode 0600
	if err != nil {
		return opening(err, "the identity", path)
	}
	defer os.Remove(part.Name())
	_, err = io.WriteString(part, "# public key: "+key.Recipient().String()+"\n"+key.String()+"\n")
	if err == nil {
		err = part.Sync()
	}
	if err := errors.Join(err, part.Close()); err != nil {
		return opening(err, "the identity", path)
	}
	if err := os.Link(part.Name(), path); err != nil {
		return opening(err, "the identity", path)
	}
	return syncDir(path)
}
