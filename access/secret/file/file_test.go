package file_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/assayhq/assay/access/secret"
	"github.com/assayhq/assay/access/secret/file"
	"github.com/assayhq/assay/access/secret/secrettest"
	"github.com/assayhq/assay/fault"
)

func place(t *testing.T) file.Options {
	d := t.TempDir()
	return file.Options{Path: filepath.Join(d, "secrets.age"), Identity: filepath.Join(d, "identity.txt")}
}

func create(t *testing.T, o file.Options) *file.File {
	t.Helper()
	f, err := file.Create(o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestTheExam(t *testing.T) {
	secrettest.RunReader(t, func(t *testing.T, kept map[string]secrettest.Kept) secret.Reader {
		o := place(t)
		secrettest.Fill(t, create(t, o), kept)
		return create(t, o) // a second process
	})
	secrettest.RunWriter(t, func(t *testing.T) secret.Writer { return create(t, place(t)) })
}

func push(t *testing.T, w secret.Writer, name, value string) {
	t.Helper()
	secrettest.Fill(t, w, map[string]secrettest.Kept{name: {Current: value}})
}

func TestTheDiskHoldsNoPlainText(t *testing.T) {
	o := place(t)
	push(t, create(t, o), "exchange/kraken", "hunter2-hunter2")
	left, err := os.ReadDir(filepath.Dir(o.Path))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range left {
		b, err := os.ReadFile(filepath.Join(filepath.Dir(o.Path), e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(b, []byte("hunter2")) || bytes.Contains(b, []byte("kraken")) {
			t.Errorf("%s holds plain text", e.Name())
		}
		in, _ := e.Info()
		if in.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", e.Name(), in.Mode())
		}
		names = append(names, e.Name())
	}
	if got := strings.Join(names, " "); got != "identity.txt secrets.age secrets.age.lock" {
		t.Errorf("there are %s", got)
	}
}

func TestTheAgeToolOpensTheStore(t *testing.T) {
	o := place(t)
	push(t, create(t, o), "pepper", "salt")
	id, err := os.Open(o.Identity)
	if err != nil {
		t.Fatal(err)
	}
	defer id.Close()
	ids, err := age.ParseIdentities(id)
	if err != nil {
		t.Fatal(err)
	}
	sealed, _ := os.ReadFile(o.Path)
	r, err := age.Decrypt(bytes.NewReader(sealed), ids...)
	if err != nil {
		t.Fatal(err)
	}
	var plain bytes.Buffer
	_, err = plain.ReadFrom(r)
	if err != nil || !strings.Contains(plain.String(), `"pepper":{"current":{"id":`) {
		t.Errorf("%v, %s", err, plain.String())
	}
}

func TestAnIdentityThatOthersMayReadIsRefused(t *testing.T) {
	for _, mode := range []os.FileMode{0o640, 0o604, 0o620, 0o602, 0o644, 0o610} {
		o := place(t)
		create(t, o)
		if err := os.Chmod(o.Identity, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := file.Create(o); fault.Of(err) != fault.Denied || err == nil {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
	o := place(t)
	create(t, o)
	if err := os.Chmod(o.Identity, 0o400); err != nil {
		t.Fatal(err)
	}
	create(t, o)
}

func TestOpenMakesNothing(t *testing.T) {
	o := place(t)
	if _, err := file.Open(o); fault.Of(err) != fault.Unknown || err == nil {
		t.Errorf("%v", err)
	}
	if left, _ := os.ReadDir(filepath.Dir(o.Path)); len(left) != 0 {
		t.Errorf("it made %v", left)
	}
}

func TestALostIdentityIsNotReplaced(t *testing.T) {
	o := place(t)
	push(t, create(t, o), "pepper", "salt")
	if err := os.Remove(o.Identity); err != nil {
		t.Fatal(err)
	}
	if _, err := file.Create(o); fault.Of(err) != fault.Conflict || err == nil {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(o.Identity); err == nil {
		t.Error("a new identity was made")
	}
}

func TestAStrangersIdentityDoesNotOpenIt(t *testing.T) {
	o, p := place(t), place(t)
	push(t, create(t, o), "pepper", "salt")
	create(t, p)
	if _, err := file.Open(file.Options{Path: o.Path, Identity: p.Identity}); fault.Of(err) != fault.Unauthentic || err == nil {
		t.Errorf("%v", err)
	}
}

func TestAnyFlippedByteIsNoticed(t *testing.T) {
	o := place(t)
	f := create(t, o)
	push(t, f, "pepper", "salt")
	whole, err := os.ReadFile(o.Path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range whole {
		bad := bytes.Clone(whole)
		bad[i] ^= 1
		if err := os.WriteFile(o.Path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if v, err := f.Read(t.Context(), "pepper"); err == nil {
			t.Fatalf("byte %d was flipped, and %v was read", i, v)
		} else if strings.Contains(err.Error(), "salt") {
			t.Fatal("the error holds the value")
		}
	}
	for n := range len(whole) {
		if err := os.WriteFile(o.Path, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Read(t.Context(), "pepper"); err == nil {
			t.Fatalf("a store of %d bytes was read", n)
		}
	}
}

func TestWhatACrashLeftDoesNotMatter(t *testing.T) {
	o := place(t)
	f := create(t, o)
	push(t, f, "pepper", "salt")
	for _, left := range []string{o.Path + ".new", o.Path + ".lock"} {
		if err := os.WriteFile(left, []byte("half"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	push(t, f, "pepper", "more salt")
	v, err := f.Read(t.Context(), "pepper")
	if err != nil || v.Current.Value.Reveal() != "more salt" || v.Previous.Value.Reveal() != "salt" {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(o.Path + ".new"); err == nil {
		t.Error("the half file is still there")
	}
}

func TestPathsAreChecked(t *testing.T) {
	for _, o := range []file.Options{{}, {Path: "a"}, {Identity: "a"}, {Path: "a", Identity: "./a"}} {
		if _, err := file.Create(o); fault.Of(err) != fault.Invalid || err == nil {
			t.Errorf("%+v: %v", o, err)
		}
	}
	o := place(t)
	for _, text := range []string{"", "# nothing\n", "AGE-SECRET-KEY-1QQQQ\n", strings.Repeat("#\n", 4<<10)} {
		if err := os.WriteFile(o.Identity, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := file.Create(o); err == nil || strings.Contains(err.Error(), "QQQQ") {
			t.Errorf("%.20q: %v", text, err)
		}
	}
}
