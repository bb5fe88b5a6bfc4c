package env_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/assayhq/assay/access/secret"
	"github.com/assayhq/assay/access/secret/env"
	"github.com/assayhq/assay/access/secret/secrettest"
	"github.com/assayhq/assay/fault"
)

func over(vars map[string]string) *env.Env {
	return env.New(env.Options{Lookup: func(n string) (string, bool) { v, ok := vars[n]; return v, ok }})
}

func write(t *testing.T, text string) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), "value")
	if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestTheExamWithVariables(t *testing.T) {
	secrettest.RunReader(t, func(t *testing.T, kept map[string]secrettest.Kept) secret.Reader {
		vars := map[string]string{}
		for name, k := range kept {
			v, err := env.Variable(name)
			if err != nil {
				t.Fatal(err)
			}
			vars[v], vars[v+"_PREVIOUS"] = k.Current, k.Previous
		}
		return over(vars)
	})
}

func TestTheExamWithFiles(t *testing.T) {
	for _, end := range []string{"", "\n", "\r\n"} {
		secrettest.RunReader(t, func(t *testing.T, kept map[string]secrettest.Kept) secret.Reader {
			vars := map[string]string{}
			for name, k := range kept {
				v, err := env.Variable(name)
				if err != nil {
					t.Fatal(err)
				}
				vars[v+"_FILE"] = write(t, k.Current+end)
				if k.Previous != "" {
					vars[v+"_PREVIOUS_FILE"] = write(t, k.Previous+end)
				}
			}
			return over(vars)
		})
	}
}

func TestNamesAndTheirVariables(t *testing.T) {
	for name, want := range map[string]string{
		"pepper":              "ASSAY_SECRET_PEPPER",
		"exchange/kraken.key": "ASSAY_SECRET_EXCHANGE_KRAKEN_KEY",
		"a-b_c.d/E9":          "ASSAY_SECRET_A_B_C_D_E9",
		"profile":             "ASSAY_SECRET_PROFILE",
	} {
		if got, err := env.Variable(name); err != nil || got != want {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
	for _, name := range []string{"a/file", "a.previous", "file", "PREVIOUS", "a-FILE", "../x"} {
		if v, err := env.Variable(name); err == nil || fault.Of(err) != fault.Invalid {
			t.Errorf("%s is %s", name, v)
		}
	}
}

func TestMistakesAreNamed(t *testing.T) {
	there := write(t, "x")
	for _, c := range []struct {
		story string
		vars  map[string]string
		kind  fault.Kind
		says  string
	}{
		{"twice", map[string]string{"ASSAY_SECRET_K": "hunter2", "ASSAY_SECRET_K_FILE": there}, fault.Invalid, "both set"},
		{"a missing file", map[string]string{"ASSAY_SECRET_K_FILE": there + "-not"}, fault.Unknown, "ASSAY_SECRET_K_FILE"},
		{"a directory", map[string]string{"ASSAY_SECRET_K_FILE": filepath.Dir(there)}, fault.Invalid, "regular"},
		{"only previous", map[string]string{"ASSAY_SECRET_K_PREVIOUS": "hunter2"}, fault.Invalid, "but ASSAY_SECRET_K is not"},
		{"an empty file", map[string]string{"ASSAY_SECRET_K_FILE": write(t, "\n")}, fault.Invalid, "empty"},
		{"too long a file", map[string]string{"ASSAY_SECRET_K_FILE": write(t, strings.Repeat("x", secret.MaxValue+1))}, fault.Invalid, "at most"},
		{"too long a file by far", map[string]string{"ASSAY_SECRET_K_FILE": write(t, strings.Repeat("x", 2*secret.MaxValue))}, fault.Invalid, "at most"},
		{"empty is not set", map[string]string{"ASSAY_SECRET_K": ""}, fault.Unknown, "neither"},
	} {
		_, err := over(c.vars).Read(t.Context(), "k")
		if err == nil || fault.Of(err) != c.kind || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v (%v)", c.story, err, fault.Of(err))
		}
	}
}

func TestAReplacedFileIsNoticed(t *testing.T) {
	p := write(t, "one")
	e := over(map[string]string{"ASSAY_SECRET_K_FILE": p})
	a, err := e.Read(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte("two"), 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := e.Read(t.Context(), "k")
	if err != nil || b.Current.Value.Reveal() != "two" || a.Current.ID == b.Current.ID {
		t.Errorf("%+v, %v", b, err)
	}
}

func TestAnIDTellsNothingAboutItsValue(t *testing.T) {
	vars := map[string]string{"ASSAY_SECRET_K": "1234"}
	a, _ := over(vars).Read(t.Context(), "k")
	b, _ := over(vars).Read(t.Context(), "k")
	if a.Current.ID == b.Current.ID {
		t.Error("the id is a plain digest, from which a short value can be guessed")
	}
}

func TestTheProcessesOwnEnvironment(t *testing.T) {
	t.Setenv("ASSAY_SECRET_TEST_OF_ENV", "x")
	if v, err := env.New(env.Options{}).Read(t.Context(), "test/of-env"); err != nil || v.Current.Value.Reveal() != "x" {
		t.Errorf("%v", err)
	}
}
