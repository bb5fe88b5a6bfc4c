package vault

import (
	"github.com/assayhq/assay/access/secret"
	"github.com/assayhq/assay/fault"
)

// unnamed is the id of a version that was written by hand without one.
const unnamed = "0"

func encode(s secret.Versions) map[string]any {
	out := map[string]any{}
	for field, v := range map[string]secret.Version{"current": s.Current, "previous": s.Previous, "pending": s.Pending} {
		if v.Present() {
			out[field], out[field+"_id"] = v.Value.Reveal(), v.ID
		}
	}
	return out
}

// decode reads the fields of an entry. Other fields are passed over: people add notes.
func decode(fields map[string]any) (secret.Versions, error) {
	var s secret.Versions
	for field, to := range map[string]*secret.Version{"current": &s.Current, "previous": &s.Previous, "pending": &s.Pending} {
		v, there := fields[field]
		if !there {
			continue
		}
		text, ok := v.(string)
		if !ok {
			return secret.Versions{}, fault.New(fault.Internal, "its field %s is no text", field)
		}
		id, named := fields[field+"_id"].(string)
		if !named || id == "" {
			id = unnamed + field[:2] // `0cu`, `0pr`, `0pe`: different, and never an id of ours
		}
		*to = secret.Version{ID: id, Value: secret.Of(text)}
		if err := to.Value.Check(); err != nil {
			return secret.Versions{}, fault.Wrap(fault.Internal, err, "its field %s holds no usable secret", field)
		}
	}
	return s, nil
}
