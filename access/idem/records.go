package idem

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/fault"
)

// The kinds of records: one per name; when something of a name is due, in order of
// time; and how many there are, of all and of each app.
const (
	kindName  = "_idem"
	kindDue   = "_idemdue"
	kindCount = "_idemcount"
)

// RecordOptions of Records.
type RecordOptions struct {
	// Seal and Open encrypt the answers where they lie, about a name each. Both must be given.
	Seal, Open func(about string, b []byte) ([]byte, error)
	// PerApp and Total bound the names at a time. Defaults 20 000 and 200 000. What is
	// beyond is refused: to forget one early would let its request happen twice.
	PerApp, Total int
}

// Records is a Store in the control plane: what one server began, all others know, and
// a restart forgets nothing. Each name costs two changes of the control plane.
//
// Names whose time is over are taken out by later ones, a few at a time, and by Sweep.
type Records struct {
	store access.Store
	o     RecordOptions
}

// NewRecords makes a Store over a control plane.
func NewRecords(store access.Store, o RecordOptions) (*Records, error) {
	if store == nil || o.Seal == nil || o.Open == nil {
		return nil, fault.New(fault.Invalid, "the memory of repeated requests needs a store, and something to seal with")
	}
	if o.PerApp <= 0 {
		o.PerApp = 20_000
	}
	if o.Total <= 0 {
		o.Total = 200_000
	}
	return &Records{store, o}, nil
}

// row is a Record as it is stored. Times are milliseconds since 1970, rounded up.
type row struct {
	Fingerprint []byte `json:"fp"`
	Holder      []byte `json:"holder"`
	App         string `json:"app"`
	Lease       int64  `json:"lease"`
	Expires     int64  `json:"expires"`
	Until       int64  `json:"until,omitempty"`
	Done        bool   `json:"done,omitempty"`
	Sealed      []byte `json:"answer,omitempty"`
}

func ms(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Add(time.Millisecond - 1).UnixMilli()
}

func timeOf(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

func (s *Records) rowOf(name string, rec *Record) (*row, error) {
	r := &row{rec.Fingerprint[:], rec.Holder[:], rec.App, ms(rec.Lease), ms(rec.Expires), ms(rec.Until), rec.Done, nil}
	if rec.Done {
		plain, err := json.Marshal(rec.Answer)
		if err != nil {
			return nil, fault.Wrap(fault.Internal, err, "an answer cannot be kept")
		}
		if r.Sealed, err = s.o.Seal("answer "+name, plain); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (s *Records) recordOf(name string, r *row) (rec Record, err error) {
	rec = Record{App: r.App, Lease: timeOf(r.Lease), Expires: timeOf(r.Expires), Until: timeOf(r.Until), Done: r.Done}
	copy(rec.Fingerprint[:], r.Fingerprint)
	copy(rec.Holder[:], r.Holder)
	if len(r.Sealed) == 0 {
		return rec, nil
	}
	plain, err := s.o.Open("answer "+name, r.Sealed)
	if err == nil {
		err = json.Unmarshal(plain, &rec.Answer)
	}
	return rec, err
}

func get(tx access.Tx, name string) (*row, error) {
	rec, err := tx.Get(kindName, name)
	if err != nil {
		if fault.Of(err) == fault.Unknown {
			return nil, nil
		}
		return nil, err
	}
	var r row
	if err := json.Unmarshal(rec.Body, &r); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "what is kept of a repeated request cannot be read")
	}
	return &r, nil
}

func put(tx access.Tx, name string, r *row) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return tx.Put(kindName, name, b)
}

func due(at int64, name string) string { return fmt.Sprintf("%015d/%s", at, name) }

// Insert is of Store.
func (s *Records) Insert(ctx context.Context, now time.Time, id [32]byte, rec Record) (out Record, mine bool, err error) {
	name := hex.EncodeToString(id[:])
	fresh, err := s.rowOf(name, &rec)
	if err != nil {
		return Record{}, false, err
	}
	var was *row
	_, err = s.store.Change(ctx, func(tx access.Tx) error {
		var err error
		if was, err = get(tx, name); err != nil {
			return err
		}
		if was != nil && now.UnixMilli() < was.Expires {
			return nil
		}
		if was != nil {
			if err := remove(tx, name, was); err != nil {
				return err
			}
			was = nil
		}
		if _, err := clean(tx, now, 4); err != nil {
			return err
		}
		for of, most := range map[string]int{"all": s.o.Total, shelf(rec.App): s.o.PerApp} {
			if err := count(tx, of, 1, most); err != nil {
				return err
			}
		}
		if err := tx.Put(kindDue, due(fresh.Expires, name), []byte{}); err != nil {
			return err
		}
		return put(tx, name, fresh)
	})
	if err != nil || was == nil {
		return rec, err == nil, err
	}
	out, err = s.recordOf(name, was)
	return out, false, err
}

// Replace is of Store.
func (s *Records) Replace(ctx context.Context, id [32]byte, was [16]byte, rec Record) error {
	_, err := s.store.Change(ctx, func(tx access.Tx) error { return s.ReplaceIn(tx, id, was, rec) })
	return err
}

// ReplaceIn is of Within.
func (s *Records) ReplaceIn(tx access.Tx, id [32]byte, was [16]byte, rec Record) error {
	name := hex.EncodeToString(id[:])
	next, err := s.rowOf(name, &rec)
	if err != nil {
		return err
	}
	r, err := get(tx, name)
	if err != nil {
		return err
	}
	if r == nil || r.Done || [16]byte(r.Holder) != was {
		return fault.New(fault.Conflict, "the request is no longer held by this claim")
	}
	if next.Expires != r.Expires {
		if err := tx.Delete(kindDue, due(r.Expires, name)); err != nil {
			return err
		}
		if err := tx.Put(kindDue, due(next.Expires, name), []byte{}); err != nil {
			return err
		}
	}
	if next.Done && next.Until != 0 {
		if err := tx.Put(kindDue, due(next.Until, name), []byte{}); err != nil {
			return err
		}
	}
	return put(tx, name, next)
}

// Delete is of Store.
func (s *Records) Delete(ctx context.Context, id [32]byte, was [16]byte) error {
	name := hex.EncodeToString(id[:])
	_, err := s.store.Change(ctx, func(tx access.Tx) error {
		r, err := get(tx, name)
		if err != nil || r == nil || r.Done || [16]byte(r.Holder) != was {
			return err
		}
		return remove(tx, name, r)
	})
	return err
}

// Sweep takes out what is over: names after their retention, and answers that held a
// secret. It gives how many. It is to be called about once a minute, on any server.
func (s *Records) Sweep(ctx context.Context, now time.Time) (n int, err error) {
	for {
		waits := false
		err := s.store.View(ctx, func(tx access.Tx) error {
			list, err := tx.List(kindDue, "", 1)
			waits = err == nil && len(list) > 0 && isDue(list[0].ID, now)
			return err
		})
		if err != nil || !waits {
			return n, err
		}
		done := 0
		if _, err := s.store.Change(ctx, func(tx access.Tx) (err error) {
			done, err = clean(tx, now, 100)
			return err
		}); err != nil {
			return n, err
		}
		n += done
	}
}

func isDue(id string, now time.Time) bool { return id <= fmt.Sprintf("%015d", now.UnixMilli())+"/~" }

// clean does what is due, at most limit things.
func clean(tx access.Tx, now time.Time, limit int) (n int, err error) {
	list, err := tx.List(kindDue, "", limit)
	if err != nil {
		return 0, err
	}
	for _, e := range list {
		if !isDue(e.ID, now) {
			break
		}
		n++
		_, name, _ := strings.Cut(e.ID, "/")
		r, err := get(tx, name)
		if err != nil {
			return n, err
		}
		switch {
		case r == nil:
		case now.UnixMilli() >= r.Expires:
			if err := remove(tx, name, r); err != nil {
				return n, err
			}
		case r.Until != 0 && now.UnixMilli() >= r.Until:
			r.Sealed = nil
			if err := put(tx, name, r); err != nil {
				return n, err
			}
		}
		if err := tx.Delete(kindDue, e.ID); err != nil {
			return n, err
		}
	}
	return n, nil
}

// remove takes a name out with all that belongs to it.
func remove(tx access.Tx, name string, r *row) error {
	for _, at := range []int64{r.Expires, r.Until} {
		if err := tx.Delete(kindDue, due(at, name)); err != nil {
			return err
		}
	}
	for _, of := range []string{"all", shelf(r.App)} {
		if err := count(tx, of, -1, 0); err != nil {
			return err
		}
	}
	return tx.Delete(kindName, name)
}

// shelf is where an app's names are counted.
func shelf(app string) string {
	sum := sha256.Sum256([]byte(app))
	return hex.EncodeToString(sum[:16])
}

// count adds to a number of names, up to most.
func count(tx access.Tx, of string, add, most int) error {
	n := 0
	rec, err := tx.Get(kindCount, of)
	if err == nil {
		n, err = strconv.Atoi(string(rec.Body))
	}
	switch {
	case err != nil && fault.Of(err) != fault.Unknown:
		return fault.Wrap(fault.Internal, err, "the number of repeated requests cannot be read")
	case add > 0 && n >= most:
		return fault.At(fault.Exhausted, "header."+Header, "too many requests are kept for retries: try again later")
	case n+add <= 0:
		return tx.Delete(kindCount, of)
	}
	return tx.Put(kindCount, of, strconv.AppendInt(nil, int64(n+add), 10))
}
