package watch

import (
	"bufio"
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/assayhq/assay/access/anomaly"
	"github.com/assayhq/assay/fault"
)

// saveEvery is how often what was learnt is written; a server that is killed has
// forgotten what it learnt since.
const saveEvery = time.Hour

// load makes the machine, with what the file knows when there is one. A file that cannot
// be read is left behind: learning begins anew.
func (w *Watcher) load(o anomaly.Options) {
	w.machine = anomaly.New(o)
	if w.opt.File == "" {
		return
	}
	f, err := os.Open(w.opt.File)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err == nil {
		defer f.Close()
		var m *anomaly.Watch
		if m, err = anomaly.Load(o, bufio.NewReader(f)); err == nil {
			w.machine = m
			return
		}
	}
	w.log.Warn("what was learnt of keys cannot be read; it is learnt anew", "file", w.opt.File, "err", err)
}

// save writes what was learnt beside the file and puts it in its place.
func (w *Watcher) save() {
	if w.opt.File == "" {
		return
	}
	if err := w.write(); err != nil {
		w.log.Warn("what was learnt of keys was not written; it is in memory", "file", w.opt.File, "err", err)
	}
}

func (w *Watcher) write() error {
	next := w.opt.File + ".new"
	f, err := os.OpenFile(next, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "%s cannot be written", next)
	}
	b := bufio.NewWriter(f)
	err = errors.Join(w.machine.Save(b), b.Flush(), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(next, w.opt.File)
	}
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "%s cannot be written", w.opt.File)
	}
	return nil
}
