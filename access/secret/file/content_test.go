package file_test

import (
	"testing"

	"github.com/assayhq/assay/access/secret"
	"github.com/assayhq/assay/access/secret/file"
)

// Whatever is accepted has good names and whole versions, and survives being written.
func FuzzContent(f *testing.F) {
	for _, s := range []string{
		`{"format":1,"secrets":{}}`, `{"format":1,"secrets":{"a/b":{"current":{"id":"1","value":"x"},"pending":{"id":"2","value":"y"}}}}`,
		`{"format":1,"secrets":{"..":{}}}`, `{"format":2}`, `{}`, ``, `{"format":1} x`, `{"format":1,"secrets":{"a":{"current":{"id":"","value":"x"}}}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		all, err := file.Decode(b, "x")
		if err != nil {
			return
		}
		for name, v := range all {
			if secret.CheckName(name) != nil || !v.Present() {
				t.Fatalf("%q: %v", name, v)
			}
		}
		again, err := file.Encode(all)
		if err != nil {
			t.Fatal(err)
		}
		twice, err := file.Decode(again, "x")
		if err != nil || len(twice) != len(all) {
			t.Fatalf("%v: %d became %d", err, len(all), len(twice))
		}
		for name, v := range all {
			if w := twice[name]; w.Current.ID != v.Current.ID || !w.Current.Value.Equal(v.Current.Value) || !w.Pending.Value.Equal(v.Pending.Value) || !w.Previous.Value.Equal(v.Previous.Value) {
				t.Fatalf("%q changed", name)
			}
		}
	})
}

func TestAStoreThatIsNoneIsRefused(t *testing.T) {
	for _, s := range []string{``, `null`, `{}`, `[]`, `{"format":2}`, `{"format":1} {}`, `{"format":1,"more":1}`, `{"format":1,"secrets":{"a/../b":{}}}`,
		`{"format":1,"secrets":{"a":{"current":{"id":"","value":"hunter2"}}}}`, `{"format":1,"secrets":{"a":{"current":{"id":"1","value":""}}}}`} {
		if _, err := file.Decode([]byte(s), "x"); err == nil {
			t.Errorf("%s was accepted", s)
		}
	}
}
