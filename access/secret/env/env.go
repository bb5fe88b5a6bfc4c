// Package env reads secrets from environment variables, and from files that such
// variables point to, as container platforms hand them over.
//
// The secret `exchange/kraken.key` is ASSAY_SECRET_EXCHANGE_KRAKEN_KEY: upper case, with
// _ for / . and -. The same name with _FILE holds the path of a file with the value, one
// line end at its end being no part of it; with _PREVIOUS, or _PREVIOUS_FILE, it is the
// previous version. An empty variable counts as not set. Different names may mean the
// same variable, such as a/b and a-b: whoever chooses names sees to it that they differ.
//
// It never writes, never keeps a value and never has a pending version. Variables and
// files are read at each call, so that a file that was replaced is noticed. The app uses
// it when it is told no other keeper.
package env

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/assayhq/assay/access/secret"
	"github.com/assayhq/assay/fault"
)

// Prefix begins every variable.
const Prefix = "ASSAY_SECRET_"

// Options tell where to look. The zero value is the process's environment.
type Options struct {
	// Lookup gives a variable; os.LookupEnv when nil.
	Lookup func(name string) (string, bool)
}

// Env reads the environment. It is a secret.Reader, safe for use by many at once.
type Env struct {
	lookup func(string) (string, bool)
	// tag keys the version ids: they tell within one process whether a value changed,
	// and are of no use for guessing it.
	tag [32]byte
}

// New makes a reader.
func New(o Options) *Env {
	e := &Env{lookup: o.Lookup}
	if e.lookup == nil {
		e.lookup = os.LookupEnv
	}
	_, _ = rand.Read(e.tag[:]) // never fails since Go 1.24
	return e
}

// Variable gives the variable of a name, or fault.Invalid when the name is bad or its
// variable would be another one's _FILE or _PREVIOUS.
func Variable(name string) (string, error) {
	if err := secret.CheckName(name); err != nil {
		return "", err
	}
	v := strings.ToUpper(strings.NewReplacer("/", "_", ".", "_", "-", "_").Replace(name))
	for _, end := range []string{"FILE", "PREVIOUS"} {
		if v == end || strings.HasSuffix(v, "_"+end) {
			return "", fault.At(fault.Invalid, "name", "the secret %s would be the variable %s, whose ending has a meaning of its own: choose another name", name, Prefix+v)
		}
	}
	return Prefix + v, nil
}

// Read gives the current version and, if there is one, the previous version.
func (e *Env) Read(ctx context.Context, name string) (secret.Versions, error) {
	name, err := Variable(name)
	if err != nil {
		return secret.Versions{}, err
	}
	if err := ctx.Err(); err != nil {
		return secret.Versions{}, fault.Wrap(fault.Unavailable, err, "the secret %s was not read", name)
	}
	var v secret.Versions
	if v.Current, err = e.version(name); err != nil {
		return secret.Versions{}, err
	}
	if v.Previous, err = e.version(name + "_PREVIOUS"); err != nil {
		return secret.Versions{}, err
	}
	switch {
	case !v.Present():
		return v, fault.New(fault.Unknown, "neither %s nor %s_FILE is set", name, name)
	case !v.Current.Present():
		return secret.Versions{}, fault.New(fault.Invalid, "%s_PREVIOUS is set, but %s is not", name, name)
	}
	return v, nil
}

func (e *Env) version(name string) (secret.Version, error) {
	text, _ := e.lookup(name)
	path, _ := e.lookup(name + "_FILE")
	switch {
	case text != "" && path != "":
		return secret.Version{}, fault.New(fault.Invalid, "%s and %s_FILE are both set: remove one", name, name)
	case path != "":
		var err error
		if text, err = content(name+"_FILE", path); err != nil {
			return secret.Version{}, err
		}
	case text == "":
		return secret.Version{}, nil
	}
	v := secret.Of(text)
	if err := v.Check(); err != nil {
		return secret.Version{}, fault.Wrap(fault.Invalid, err, "%s holds no usable secret", name)
	}
	m := hmac.New(sha256.New, e.tag[:])
	m.Write([]byte(text))
	return secret.Version{ID: hex.EncodeToString(m.Sum(nil)[:16]), Value: v}, nil
}

// content reads a file that a variable points to. Only a regular file is opened: a pipe
// would wait for a writer that may never come.
func content(variable, path string) (string, error) {
	in, err := os.Stat(path)
	if err == nil && !in.Mode().IsRegular() {
		return "", fault.New(fault.Invalid, "%s points to %s, which is not a regular file", variable, path)
	}
	var f *os.File
	if err == nil {
		f, err = os.Open(path)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fault.Wrap(fault.Unknown, err, "%s points to a file that is not there", variable)
	case errors.Is(err, fs.ErrPermission):
		return "", fault.Wrap(fault.Denied, err, "%s points to a file that this process may not read", variable)
	case err != nil:
		return "", fault.Wrap(fault.Unavailable, err, "the file of %s cannot be opened", variable)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, secret.MaxValue+3)) // two for the line end, one to notice that it is too long
	if err != nil {
		return "", fault.Wrap(fault.Unavailable, err, "the file of %s cannot be read", variable)
	}
	if cut, ok := bytes.CutSuffix(b, []byte("\n")); ok {
		b = bytes.TrimSuffix(cut, []byte("\r"))
	}
	return string(b), nil
}
