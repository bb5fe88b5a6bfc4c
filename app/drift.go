package app

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/assayhq/assay/market/feed"
)

// driftEvery is how often what was learned of the venues' messages is written down.
const driftEvery = 10 * time.Minute

func (a *App) driftFile(s *feed.Station) string {
	return filepath.Join(a.cfg.Data, "drift", string(s.Driver().Spec.ID)+".json")
}

// recallDrift gives a station what was learned of its venue's messages before. A file
// that cannot be read is learned anew, and said so.
func (a *App) recallDrift(s *feed.Station) {
	text, err := os.ReadFile(a.driftFile(s))
	if err == nil {
		err = s.Learn(text)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		a.log.Warn("what was learned of a venue's messages cannot be read; it is learned anew", "venue", string(s.Driver().Spec.ID), "err", err)
	}
}

// keepDrift writes it down from time to time, and when the server stops.
func (a *App) keepDrift(ctx context.Context) error {
	err := every(ctx, driftEvery, a.writeDrift)
	a.writeDrift()
	return err
}

func (a *App) writeDrift() {
	for _, s := range a.stations {
		text, err := s.Learned()
		if err == nil {
			err = replaceFile(a.driftFile(s), text)
		}
		if err != nil {
			a.log.Warn("what was learned of a venue's messages cannot be written", "venue", string(s.Driver().Spec.ID), "err", err)
		}
	}
}

// replaceFile puts text in the place of a file, so that a reader finds the old or the new.
func replaceFile(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // it is gone when all went well
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
