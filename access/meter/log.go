package meter

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/assayhq/assay/fault"
)

// log is the segment files of one directory: usage-0000000001.log and on. The last one
// is written; closed ones are compacted into one from time to time, which takes the
// place of the last of them, so that no moment is without every record.
type log struct {
	o       *Options
	origin  Origin
	file    *os.File
	n       int   // number of file
	size    int64 // of file
	closed  []int
	buf     []byte
	packing chan struct{} // closed when no compaction runs
}

func (l *log) path(n int) string { return filepath.Join(l.o.Dir, fmt.Sprintf("usage-%010d.log", n)) }

// openLog reads every segment into the ledger and begins a new one. Only the last may
// have a torn tail: it is copied aside and cut off.
func openLog(o *Options, origin Origin, to *Ledger) (*log, error) {
	opts := *o
	l := &log{o: &opts, origin: origin, packing: make(chan struct{})}
	close(l.packing)
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "the usage directory cannot be made")
	}
	names, err := filepath.Glob(filepath.Join(o.Dir, "usage-*.log"))
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "the usage directory has a name that cannot be listed")
	}
	slices.Sort(names)
	for i, name := range names {
		var n int
		if _, err := fmt.Sscanf(filepath.Base(name), "usage-%d.log", &n); err != nil {
			continue
		}
		if err := l.load(name, i == len(names)-1, to); err != nil {
			return nil, err
		}
		l.closed = append(l.closed, n)
		l.n = max(l.n, n)
	}
	return l, l.next()
}

func (l *log) load(name string, last bool, to *Ledger) error {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "a usage file cannot be opened")
	}
	defer f.Close()
	whole, err := readSegment(f, to.merge)
	if err == nil {
		return nil
	}
	if !last || !errors.Is(err, errDamage) {
		return fmt.Errorf("%s: %w", filepath.Base(name), err)
	}
	info, err := f.Stat()
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "a usage file cannot be read")
	}
	l.o.Log.Warn("the tail of the usage log is torn; it is kept aside and cut off", "file", name, "whole", whole, "torn", info.Size()-whole)
	tail := make([]byte, min(info.Size()-whole, 1<<20))
	_, err = f.ReadAt(tail, whole)
	if err == nil {
		err = os.WriteFile(name+".torn", tail, 0o600)
	}
	// A file without even the magic is made one without rows.
	if err == nil && whole < int64(len(magic)) {
		if err = f.Truncate(0); err == nil {
			_, err = f.WriteAt([]byte(magic), 0)
		}
		whole = int64(len(magic))
	}
	err = errors.Join(err, f.Truncate(whole), f.Sync())
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "the torn tail of a usage file cannot be cut off")
	}
	return nil
}

// next begins a new segment. Its head is durable before any row is acknowledged, since
// the fsync of the rows covers it and the directory is synced here.
func (l *log) next() error {
	l.n++
	f, err := os.OpenFile(l.path(l.n), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "a usage file cannot be made")
	}
	head := frame([]byte(magic), func(b []byte) []byte { return appendOrigin(b, l.origin) })
	if _, err = f.Write(head); err == nil {
		err = syncDir(l.o.Dir)
	}
	if err != nil {
		f.Close()
		return fault.Wrap(fault.Unavailable, err, "a usage file cannot be begun")
	}
	l.file, l.size = f, int64(len(head))
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

func (l *log) begin() { l.buf = l.buf[:0] }

func (l *log) put(r *row) {
	l.buf = frame(l.buf, func(b []byte) []byte { return appendRow(b, r) })
}

// commit writes the batch and waits for the disk.
func (l *log) commit() error {
	if len(l.buf) == 0 {
		return nil
	}
	if _, err := l.file.Write(l.buf); err != nil {
		return err
	}
	if err := l.file.Sync(); err != nil {
		return err
	}
	l.size += int64(len(l.buf))
	if l.size < l.o.Segment {
		return nil
	}
	if err := l.file.Close(); err != nil {
		return err
	}
	l.closed = append(l.closed, l.n)
	return l.next()
}

// full tells whether it is time to compact and no compaction runs.
func (l *log) full() bool {
	select {
	case <-l.packing:
		return len(l.closed) > l.o.Files
	default:
		return false
	}
}

// compact writes rows, which hold all that the closed files say or later sums, in place
// of the last closed file and removes the others. It runs beside further commits.
func (l *log) compact(rows []row) {
	files := l.closed
	l.closed = []int{files[len(files)-1]}
	l.packing = make(chan struct{})
	go func(done chan struct{}) {
		defer close(done)
		if err := l.rewrite(files, rows); err != nil {
			// Nothing is lost: the old files are read at the next start.
			l.o.Log.Error("usage files cannot be compacted", "dir", l.o.Dir, "err", err)
		}
	}(l.packing)
}

func (l *log) rewrite(files []int, rows []row) error {
	last := l.path(files[len(files)-1])
	f, err := os.OpenFile(last+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	slices.SortFunc(rows, byOrigin)
	b := []byte(magic)
	var o Origin
	for i := range rows {
		if rows[i].origin != o {
			o = rows[i].origin
			b = frame(b, func(b []byte) []byte { return appendOrigin(b, o) })
		}
		b = frame(b, func(b []byte) []byte { return appendRow(b, &rows[i]) })
		if len(b) > 1<<20 {
			if _, err = f.Write(b); err != nil {
				break
			}
			b = b[:0]
		}
	}
	if err == nil {
		_, err = f.Write(b)
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(last+".new", last); err != nil {
		return err
	}
	if err := syncDir(l.o.Dir); err != nil {
		return err
	}
	for _, n := range files[:len(files)-1] {
		if err := os.Remove(l.path(n)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (l *log) close() error {
	<-l.packing
	return l.file.Close()
}
