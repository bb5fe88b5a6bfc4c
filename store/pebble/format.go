package pebble

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/assayhq/assay/fault"
)

// Format is the number of the on-disk format this package writes and the highest
// it reads. Format 1 knew no contracts (kinds d, f, l) and kept no earlier versions of
// candles (kind v): all of it means the same in 2, so such a directory is read as it is
// and marked as 2, after which an older assay refuses it instead of misreading it.
const Format = 2

const formatFile = "FORMAT"

// checkFormat reads the marker of dir, or writes it in a directory without history.
func checkFormat(dir string) error {
	path := filepath.Join(dir, formatFile)
	b, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if found, _ := filepath.Glob(filepath.Join(dir, "MANIFEST-*")); len(found) > 0 {
			return fault.New(fault.Conflict, "directory %s holds a database that is no assay history; use another with --data", dir)
		}
		return writeFormat(dir, path)
	case err != nil:
		return fault.Wrap(fault.Unavailable, err, "the file %s cannot be read", path)
	}
	var n int
	if _, err := fmt.Sscanf(string(b), "assay history %d", &n); err != nil || n < 1 {
		return fault.New(fault.Conflict, "the file %s does not name a history format; restore it from a backup", path)
	}
	if n > Format {
		return fault.New(fault.Conflict, "directory %s was written by a newer assay (history format %d, this one knows %d); upgrade assay, or restore a backup made before the upgrade", dir, n, Format)
	}
	if n < Format {
		return writeFormat(dir, path)
	}
	return nil
}

// writeFormat makes the marker appear whole or not at all.
func writeFormat(dir, path string) error {
	f, err := os.CreateTemp(dir, formatFile+".*")
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "directory %s cannot be written", dir)
	}
	defer os.Remove(f.Name())
	_, err = fmt.Fprintf(f, "assay history %d\n", Format)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err == nil {
		var d *os.File
		if d, err = os.Open(dir); err == nil {
			err = errors.Join(d.Sync(), d.Close())
		}
	}
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "the file %s cannot be written", path)
	}
	return nil
}
