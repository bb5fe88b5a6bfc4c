package leaks_test

import (
	"strings"
	"testing"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/accesstest"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/internal/leaks"
)

func TestEveryKindOfSecretIsFoundAndTalkOfThemIsNot(t *testing.T) {
	g, err := gate.New(accesstest.NewMemory().Link(), gate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	made, err := g.Create(t.Context(), gate.By{Name: "test"}, gate.Spec{Name: "x", Scopes: []access.Scope{access.MarketRead}})
	if err != nil {
		t.Fatal(err)
	}
	for what, text := range map[string]string{
		"token":          `{"token":"` + made.Token + `"}`,
		"private key":    "-----BEGIN " + "EC PRIVATE KEY-----\nMHc",
		"private JWK":    `{"d":"` + strings.Repeat("a", 43) + `"}`,
		"password hash":  "$argon2id" + "$v=19$m=65536,t=1,p=2$c29tZXNhbHRzb21lc2FsdA$x",
		"second factor":  "otpauth://" + "totp/Assay:x?secret=JBSWY3DPEHPK3PXPJBSWY3DP",
		"webhook secret": "whsec_" + strings.Repeat("A", 43) + "=",
		"JSON Web Token": "eyJ" + strings.Repeat("a", 20) + ".eyJ" + strings.Repeat("b", 20) + "." + strings.Repeat("c", 43),
	} {
		found := leaks.Find([]byte("a line\nbefore " + text + " after"))
		if len(found) != 1 || found[0].What != what || found[0].Line != 2 {
			t.Errorf("%s: %v", what, found)
		}
	}
	last := made.Token[len(made.Token)-1]
	wrong := made.Token[:len(made.Token)-1] + string('a'+(last-'0'+1)%20)
	for _, text := range []string{"", "asy_live_...", "send `Authorization: Bearer asy_...`", wrong, "whsec_x", "otpauth://, to be shown", made.Key.ID, made.Ring.ID} {
		if found := leaks.Find([]byte(text)); found != nil && !(text == wrong && last == wrong[len(wrong)-1]) {
			t.Errorf("%.20q: %v", text, found)
		}
	}
}

func FuzzFind(f *testing.F) {
	f.Add([]byte("asy_live_0"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, x := range leaks.Find(b) {
			if x.Line < 1 || x.At < 0 || x.At >= len(b) || x.What == "" {
				t.Fatalf("%+v of %d bytes", x, len(b))
			}
		}
	})
}
