package file

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/assayhq/assay/fault"
)

func dir(path string) string { return filepath.Dir(path) }

// readAtMost reads a regular file of at most max bytes.
func readAtMost(path string, max int64) ([]byte, error) {
	in, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !in.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, max+1))
	if err == nil && int64(len(b)) > max {
		err = fmt.Errorf("it has more than %d bytes", max)
	}
	return b, err
}

// opening gives a failed open, read or write its kind.
func opening(err error, what, path string) error {
	if errors.Is(err, fs.ErrPermission) {
		return fault.Wrap(fault.Denied, err, "%s %s may not be opened by this process", what, path)
	}
	return fault.Wrap(fault.Unavailable, err, "%s %s cannot be opened", what, path)
}

// replace puts new content in the place of a file, so that even after a power cut there
// is the old or the new content. Only one caller at a time may do so.
func replace(path string, content []byte) error {
	fresh := path + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) { // what a crash left
		return opening(err, "the file", fresh)
	}
	f, err := os.OpenFile(fresh, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return opening(err, "the file", fresh)
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(fresh, path)
	}
	if err != nil {
		_ = os.Remove(fresh)
		return fault.Wrap(fault.Unavailable, err, "%s could not be written and is unchanged", path)
	}
	return syncDir(path)
}

// syncDir makes a rename or a new name in the directory of path durable.
func syncDir(path string) error {
	d, err := os.Open(dir(path))
	if err != nil {
		return opening(err, "the directory", dir(path))
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fault.Wrap(fault.Unavailable, err, "%s was written, but its directory could not be synced", path)
	}
	return nil
}
