package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A story on the command line: a ring is told where its keys go, and is rotated; nobody
// sees the new key but its keeper.
func TestSecretsAreKeptAndKeysArePushed(t *testing.T) {
	dir := t.TempDir()
	settings := filepath.Join(dir, "assay.yaml")
	if err := os.WriteFile(settings, []byte("secrets:\n  destinations:\n    clients: file:"+filepath.Join(dir, "clients.age")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) string {
		t.Helper()
		out, errs, code := assay(t, append([]string{"--data", filepath.Join(dir, "data"), "--config", settings}, args...)...)
		if code != 0 {
			t.Fatalf("%v: %d %s %s", args, code, out, errs)
		}
		return out
	}
	out := run("key", "create", "--name", "bot", "--org", "acme", "--every", "720h", "--push", "clients:bot", "-o", "json")
	var made struct{ Ring, Token string }
	if err := json.Unmarshal([]byte(out), &made); err != nil {
		t.Fatal(err)
	}
	token := filepath.Join(dir, "token")
	if err := os.WriteFile(token, []byte(made.Token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	run("secret", "put", "acme/bot", "--to", "clients", "--file", token)
	if out := run("key", "rotate", made.Ring, "--push"); strings.Contains(out, "asy_") || !strings.Contains(out, "delivered to clients as acme/bot") {
		t.Error(out)
	}
	if out := run("secret", "rotate", "pepper"); !strings.Contains(out, "pepper 2 is written") {
		t.Error(out)
	}
	out = run("secret", "list")
	for _, want := range []string{"pepper", "audit-signer", "clients", "versions: 2", "made when it is first needed"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
	// The address may be in use here, which is none of this story's business.
	if out, _, _ := assay(t, "--data", filepath.Join(dir, "data"), "--config", settings, "doctor"); !strings.Contains(out, "versions: 2") {
		t.Error(out)
	}
	run("key", "rollback", made.Ring)
	run("key", "push-to", made.Ring)
	for _, args := range [][]string{{"key", "rotate", made.Ring, "--push"}, {"key", "push-to", made.Ring, "elsewhere:bot"}, {"secret", "put", "pepper"}, {"secret", "rotate", "audit-signer"}} {
		if out, errs, code := assay(t, append([]string{"--data", filepath.Join(dir, "data"), "--config", settings}, args...)...); code == 0 {
			t.Errorf("%v: %s %s", args, out, errs)
		}
	}
}
