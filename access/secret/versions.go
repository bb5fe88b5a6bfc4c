package secret

import "github.com/assayhq/assay/fault"

// Version is one value of a secret. The zero Version is none.
type Version struct {
	// ID names the version among those of its secret. It was assigned by the keeper and
	// tells nothing about the value.
	ID    string
	Value Value
}

// Present tells whether there is such a version.
func (v Version) Present() bool { return v.ID != "" }

// Versions are those of one secret. Any may be absent; all three when there is no such
// secret.
type Versions struct {
	Current  Version // what is to be used
	Previous Version // what was current before, accepted until it is retired
	Pending  Version // written, not yet tested
}

// Present tells whether there is any version.
func (v Versions) Present() bool {
	return v.Current.Present() || v.Previous.Present() || v.Pending.Present()
}

// WithPending adds a pending version with a new id and gives the id that the value has
// now. A value that is pending or current already keeps its id and nothing changes: so a
// repeated write is the same write. Another pending value is fault.Conflict: it may be
// under test by someone else, and is promoted or discarded first.
func (v Versions) WithPending(value Value, newID string) (next Versions, id string, err error) {
	switch {
	case v.Pending.Present() && v.Pending.Value.Equal(value):
		return v, v.Pending.ID, nil
	case v.Pending.Present():
		return v, "", fault.New(fault.Conflict, "another value is pending as version %s: promote or discard it first", v.Pending.ID)
	case v.Current.Present() && v.Current.Value.Equal(value):
		return v, v.Current.ID, nil
	}
	v.Pending = Version{ID: newID, Value: value}
	return v, newID, nil
}

// Promoted makes the pending version current and the current one previous; the one that
// was previous is forgotten. A version that is current already stays so. Any other is
// fault.Conflict. Without a current version the previous one is kept.
func (v Versions) Promoted(id string) (Versions, error) {
	switch {
	case id != "" && id == v.Current.ID:
		return v, nil
	case id == "" || id != v.Pending.ID:
		return v, fault.New(fault.Conflict, "version %q is not pending: it was discarded or replaced; write it again", id)
	}
	if v.Current.Present() {
		v.Previous = v.Current
	}
	v.Current, v.Pending = v.Pending, Version{}
	return v, nil
}

// Discarded forgets the pending version. A version that is not there is forgotten
// already. One that is current or previous is fault.Conflict.
func (v Versions) Discarded(id string) (Versions, error) {
	switch {
	case id == "":
		return v, fault.At(fault.Invalid, "version", "no version was named")
	case id == v.Current.ID:
		return v, fault.New(fault.Conflict, "version %s is current and cannot be discarded: promote another one first", id)
	case id == v.Previous.ID:
		return v, fault.New(fault.Conflict, "version %s is the previous one and cannot be discarded", id)
	case id == v.Pending.ID:
		v.Pending = Version{}
	}
	return v, nil
}
