package file

import (
	"bytes"
	"encoding/json"
	"io"

	"github.com/assayhq/assay/access/secret"
	"github.com/assayhq/assay/fault"
)

// format is the number that the content begins with; another one is refused.
const format = 1

type content struct {
	Format  int                 `json:"format"`
	Secrets map[string]versions `json:"secrets"`
}

type versions struct {
	Current  *version `json:"current,omitempty"`
	Previous *version `json:"previous,omitempty"`
	Pending  *version `json:"pending,omitempty"`
}

type version struct {
	ID    string `json:"id"`
	Value string `json:"value"`
}

func encode(all map[string]secret.Versions) ([]byte, error) {
	c := content{Format: format, Secrets: make(map[string]versions, len(all))}
	for name, v := range all {
		c.Secrets[name] = versions{Current: put(v.Current), Previous: put(v.Previous), Pending: put(v.Pending)}
	}
	return json.Marshal(c)
}

func put(v secret.Version) *version {
	if !v.Present() {
		return nil
	}
	return &version{ID: v.ID, Value: v.Value.Reveal()}
}

// decode reads the plain content. Its errors quote nothing of it.
func decode(plain []byte, path string) (map[string]secret.Versions, error) {
	var c content
	d := json.NewDecoder(bytes.NewReader(plain))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil || c.Format == 0 {
		return nil, fault.New(fault.Internal, "the content of %s is not that of a store", path)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fault.New(fault.Internal, "the content of %s goes on after its end", path)
	}
	if c.Format != format {
		return nil, fault.New(fault.Invalid, "%s has format %d, this version reads format %d", path, c.Format, format)
	}
	if len(c.Secrets) > MaxNames {
		return nil, fault.New(fault.TooLarge, "%s holds %d secrets, at most %d are read", path, len(c.Secrets), MaxNames)
	}
	all := make(map[string]secret.Versions, len(c.Secrets))
	for name, w := range c.Secrets {
		if err := secret.CheckName(name); err != nil {
			return nil, fault.Wrap(fault.Internal, err, "%s holds a bad name", path)
		}
		var v secret.Versions
		for _, at := range []struct {
			from *version
			to   *secret.Version
		}{{w.Current, &v.Current}, {w.Previous, &v.Previous}, {w.Pending, &v.Pending}} {
			if at.from == nil {
				continue
			}
			*at.to = secret.Version{ID: at.from.ID, Value: secret.Of(at.from.Value)}
			if !at.to.Present() || at.to.Value.Check() != nil {
				return nil, fault.New(fault.Internal, "%s holds a version of %s without an id or a value", path, name)
			}
		}
		if v.Present() {
			all[name] = v
		}
	}
	return all, nil
}
