package backfill

import (
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/assayhq/assay/fault"
)

// A job is a small JSON file of its own. It is replaced as a whole, so that a crash
// leaves the old one or the new one.

const ending = ".json"

func save(dir string, j *Job) (err error) {
	defer func() {
		if err != nil {
			err = fault.Wrap(fault.Unavailable, err, "the backfill could not be stored")
		}
	}()
	b, err := json.Marshal(j)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, j.ID+ending)
	f, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func drop(dir, id string) error { return os.Remove(filepath.Join(dir, id+ending)) }

// load reads the jobs of a folder in the order they were made. A file that is no job is
// left alone, and said.
func load(dir string, log *slog.Logger) ([]Job, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "the folder %s cannot be made", dir)
	}
	list, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fault.Wrap(fault.Unavailable, err, "the folder %s cannot be read", dir)
	}
	var out []Job
	for _, e := range list {
		id, ok := strings.CutSuffix(e.Name(), ending)
		if !ok {
			continue
		}
		var j Job
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err == nil {
			err = json.Unmarshal(b, &j)
		}
		if err != nil || j.ID != id {
			log.Warn("this file is no backfill; it is left alone", "file", e.Name(), "err", err)
			continue
		}
		out = append(out, j)
	}
	slices.SortStableFunc(out, func(a, b Job) int { return a.Created.Compare(b.Created) })
	return out, nil
}
