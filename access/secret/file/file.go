// Package file keeps secrets in one file that is encrypted with age (age-encryption.org,
// X25519), for whoever runs Assay on one machine and has no other keeper.
//
// The identity that opens it lies in a second file, which only its owner may read; both
// have the form of the age tool, so `age -d -i identity store` shows the content when all
// else fails. Inside is JSON: names and their versions. A change replaces the file as a
// whole: written beside it, synced, renamed, directory synced; so a reader or a crash
// sees the old content or the new one, never a part. Processes exclude each other with
// flock on a third file, which the system releases when a process dies.
//
// It never keeps plain text on disk or between calls. age tells nothing about who
// wrote a file: whoever may write to the directory may replace it. The app opens it.
package file

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"filippo.io/age"
	"github.com/assayhq/assay/access/secret"
	"github.com/assayhq/assay/fault"
)

// MaxStore is the most that the file may hold, in bytes, encrypted.
const MaxStore = 32 << 20

// MaxNames is the most secrets that one file may hold.
const MaxNames = 10_000

// Options name the two files. They are better kept in two directories, with the
// identity out of the backup that holds the store.
type Options struct {
	Path     string // of the store; Path + ".lock" and Path + ".new" lie beside it
	Identity string // of the file with the identity
}

// File is such a store. It is a secret.Writer, safe for use by many goroutines and
// processes at once.
type File struct {
	path string
	key  *age.X25519Identity
}

// Open opens a store whose identity exists. A store that was never written is empty.
// It gives fault.Unknown when there is no identity file, Denied when others than its
// owner may read it, Unauthentic when the identity does not open the store.
func Open(o Options) (*File, error) {
	if o.Path == "" || o.Identity == "" || filepath.Clean(o.Path) == filepath.Clean(o.Identity) {
		return nil, fault.New(fault.Invalid, "a file store needs two different paths, one of the store and one of its identity")
	}
	key, err := readIdentity(o.Identity)
	if err != nil {
		return nil, err
	}
	f := &File{path: o.Path, key: key}
	if _, err := f.load(); err != nil {
		return nil, err
	}
	return f, nil
}

// Create opens a store and makes its identity first when there is none. When a store is
// there without its identity it gives fault.Conflict: a new identity would not open it.
func Create(o Options) (*File, error) {
	f, err := Open(o)
	if fault.Of(err) != fault.Unknown {
		return f, err
	}
	if _, err := os.Lstat(o.Path); err == nil {
		return nil, fault.New(fault.Conflict, "the store %s is there, its identity %s is not: bring the identity back, or move the store away to begin anew", o.Path, o.Identity)
	}
	if err := makeIdentity(o.Identity); err != nil && !errors.Is(err, fs.ErrExist) { // another process was first: its identity is as good
		return nil, err
	}
	return Open(o)
}

// Read gives the versions of a secret.
func (f *File) Read(ctx context.Context, name string) (secret.Versions, error) {
	if err := secret.CheckName(name); err != nil {
		return secret.Versions{}, err
	}
	if err := ctx.Err(); err != nil {
		return secret.Versions{}, fault.Wrap(fault.Unavailable, err, "the secret %s was not read", name)
	}
	all, err := f.load() // without the lock: a rename is atomic
	if err != nil {
		return secret.Versions{}, err
	}
	v := all[name]
	if !v.Present() {
		return v, unknown(name)
	}
	return v, nil
}

// WritePending keeps a value as pending.
func (f *File) WritePending(ctx context.Context, name string, value secret.Value) (string, error) {
	if err := value.Check(); err != nil {
		return "", err
	}
	var id string
	err := f.change(ctx, name, func(v secret.Versions) (next secret.Versions, err error) {
		next, id, err = v.WithPending(value, secret.NewID())
		return next, err
	})
	return id, err
}

// Promote makes the pending version current.
func (f *File) Promote(ctx context.Context, name, version string) error {
	return f.change(ctx, name, func(v secret.Versions) (secret.Versions, error) {
		if !v.Present() {
			return v, unknown(name)
		}
		return v.Promoted(version)
	})
}

// Discard forgets the pending version. A secret that has no other is forgotten too.
func (f *File) Discard(ctx context.Context, name, version string) error {
	return f.change(ctx, name, func(v secret.Versions) (secret.Versions, error) {
		if !v.Present() {
			return v, unknown(name)
		}
		return v.Discarded(version)
	})
}

func unknown(name string) error {
	return fault.New(fault.Unknown, "the store has no secret %s", name)
}

// change reads, changes and replaces the store while no other process can.
func (f *File) change(ctx context.Context, name string, do func(secret.Versions) (secret.Versions, error)) error {
	if err := secret.CheckName(name); err != nil {
		return err
	}
	release, err := lock(ctx, f.path+".lock")
	if err != nil {
		return err
	}
	defer release()
	all, err := f.load()
	if err != nil {
		return err
	}
	was := all[name]
	next, err := do(was)
	if err != nil {
		return err
	}
	if next.Current.ID == was.Current.ID && next.Pending.ID == was.Pending.ID {
		return nil // an id never changes its value, so nothing changed
	}
	if next.Present() {
		all[name] = next
	} else {
		delete(all, name)
	}
	if len(all) > MaxNames {
		return fault.New(fault.Exhausted, "the store holds %d secrets, it has room for no more", MaxNames)
	}
	return f.save(all)
}

// load gives all secrets, none when the file is not there yet.
func (f *File) load() (map[string]secret.Versions, error) {
	sealed, err := readAtMost(f.path, MaxStore)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return map[string]secret.Versions{}, nil
	case err != nil:
		return nil, opening(err, "the store", f.path)
	}
	r, err := age.Decrypt(bytes.NewReader(sealed), f.key)
	var other *age.NoIdentityMatchError
	switch {
	case errors.As(err, &other):
		return nil, fault.Wrap(fault.Unauthentic, err, "the store %s was not encrypted for this identity", f.path)
	case err != nil:
		return nil, fault.Wrap(fault.Internal, err, "the store %s is damaged: bring back a copy", f.path)
	}
	plain, err := io.ReadAll(r) // no longer than what was read
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "the store %s is damaged: bring back a copy", f.path)
	}
	return decode(plain, f.path)
}

// save replaces the file. Only the holder of the lock calls it.
func (f *File) save(all map[string]secret.Versions) error {
	plain, err := encode(all)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "the store %s cannot be encoded", f.path)
	}
	var sealed bytes.Buffer
	w, err := age.Encrypt(&sealed, f.key.Recipient())
	if err == nil {
		if _, err = w.Write(plain); err == nil {
			err = w.Close()
		}
	}
	if err != nil {
		return fault.Wrap(fault.Internal, err, "the store %s cannot be encrypted", f.path)
	}
	if sealed.Len() > MaxStore {
		return fault.New(fault.TooLarge, "the store would have %d bytes, at most %d are kept", sealed.Len(), MaxStore)
	}
	return replace(f.path, sealed.Bytes())
}
