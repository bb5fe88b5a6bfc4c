package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/signing"
)

func TestSignPrintsHeadersThatVerify(t *testing.T) {
	t.Setenv("ASSAY_API_KEY", "")
	t.Setenv("ASSAY_SIGNING_KEY", "")
	file := filepath.Join(t.TempDir(), "key.pem")
	public, errs, code := assay(t, "sign", "--new", file)
	if code != 0 {
		t.Fatal(errs)
	}
	if st, err := os.Stat(file); err != nil || st.Mode().Perm() != 0o600 {
		t.Fatal(st, err)
	}
	if _, errs, code := assay(t, "sign", "--new", file); code == 0 || !strings.Contains(errs, file) {
		t.Fatal("a key was overwritten:", errs)
	}
	s, err := access.ParseSigner(strings.TrimSpace(public))
	if err != nil {
		t.Fatal(err)
	}
	out, errs, code := assay(t, "sign", "post", "http://x/v1/keys?b=1&a=2", "--signing-key", file, "--kid", "3Fq0XbT9LmA", "--data", "body")
	if code != 0 {
		t.Fatal(errs)
	}
	h := http.Header{}
	for line := range strings.Lines(out) {
		name, v, _ := strings.Cut(strings.TrimSpace(line), ": ")
		h.Add(name, v)
	}
	p := signing.Parts{Method: "POST", Path: "/v1/keys", Query: "a=2&b=1", Body: []byte("body"), Header: h}
	if _, err := signing.Verify(time.Now(), p, signing.Material{Kid: "3Fq0XbT9LmA", Ed25519: s.Public}, signing.NewNonces(signing.NonceOptions{}), 0); err != nil {
		t.Fatal(err, out)
	}
	text, _, _ := assay(t, "sign", "POST", "http://x/v1/keys?b=1&a=2", "--signing-key", file, "--kid", "k", "--canonical")
	if !strings.HasPrefix(text, "v1\nPOST\n/v1/keys\na=2&b=1\n") {
		t.Fatal(text)
	}
}

func TestSignExplainsWhatIsMissingAndTellsNoSecret(t *testing.T) {
	secret := "asyh_short"
	for _, c := range []struct {
		key, signing, want string
		args               []string
	}{
		{"", "", "what is to be signed", nil},
		{"", secret, "--kid", []string{"POST", "http://x/"}},
		{"asy_live_3Fq0XbT9LmA" + strings.Repeat("0", 49), "", "signing key is missing", []string{"POST", "http://x/"}},
		{"asy_live_3Fq0XbT9LmA" + strings.Repeat("0", 49), "rubbish " + secret, "neither", []string{"POST", "http://x/"}},
		{"asy_live_3Fq0XbT9LmA" + strings.Repeat("0", 49), secret, "at least 32 bytes", []string{"POST", "http://x/"}},
		{"asy_live_3Fq0XbT9LmA" + strings.Repeat("0", 49), "asyh_" + strings.Repeat("0", 43), "write %20", []string{"POST", "http://x/?a=b+c"}},
		{"", "asyh_" + strings.Repeat("0", 43), "API key is missing", []string{"--check", "http://127.0.0.1:1", "--kid", "k"}},
		{"asy_live_3Fq0XbT9LmA" + strings.Repeat("0", 49), "asyh_" + strings.Repeat("0", 43), "no server answers", []string{"--check", "http://127.0.0.1:1"}},
	} {
		t.Setenv("ASSAY_API_KEY", c.key)
		t.Setenv("ASSAY_SIGNING_KEY", c.signing)
		out, errs, code := assay(t, append([]string{"sign"}, c.args...)...)
		if code == 0 || !strings.Contains(errs, c.want) || strings.Contains(out+errs, "asyh_short") || strings.Contains(out+errs, "asyh_000") {
			t.Errorf("%v: %d %s%s", c.args, code, out, errs)
		}
	}
}
