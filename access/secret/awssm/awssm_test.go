package awssm_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/assayhq/assay/access/secret"
	"github.com/assayhq/assay/access/secret/awssm"
	"github.com/assayhq/assay/access/secret/secrettest"
	"github.com/assayhq/assay/fault"
)

func open(t *testing.T, o awssm.Options) *awssm.AWS {
	t.Helper()
	a, err := awssm.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func at(url string) awssm.Options {
	return awssm.Options{Region: "eu-central-1", Endpoint: url, Prefix: "assay/", KeyID: "AKIDTEST", Key: secret.Of("the key")}
}

func TestTheExam(t *testing.T) {
	secrettest.RunReader(t, func(t *testing.T, kept map[string]secrettest.Kept) secret.Reader {
		_, url := newService(t)
		secrettest.Fill(t, open(t, at(url)), kept)
		return open(t, at(url))
	})
	secrettest.RunWriter(t, func(t *testing.T) secret.Writer {
		_, url := newService(t)
		return open(t, at(url))
	})
}

// The same exam against moto, an imitation of AWS that others wrote, when it is there:
// `pip install moto[server]` puts moto_server on the PATH, or ASSAY_MOTO is its path.
func TestTheExamWithMoto(t *testing.T) {
	t.Parallel()
	program := os.Getenv("ASSAY_MOTO")
	if program == "" {
		program, _ = exec.LookPath("moto_server")
	}
	if program == "" {
		t.Skip("SKIPPED: no moto_server on the PATH and ASSAY_MOTO is not set; the exam against moto was not run")
	}
	url := moto(t, program)
	n := 0
	fresh := func(t *testing.T) *awssm.AWS { // one server, each story with names of its own
		n++
		o := at(url)
		o.Prefix = fmt.Sprintf("story%d/", n)
		return open(t, o)
	}
	secrettest.RunReader(t, func(t *testing.T, kept map[string]secrettest.Kept) secret.Reader {
		w := fresh(t)
		secrettest.Fill(t, w, kept)
		return w
	})
	secrettest.RunWriter(t, func(t *testing.T) secret.Writer { return fresh(t) })
}

func moto(t *testing.T, program string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host, port, _ := net.SplitHostPort(l.Addr().String())
	_ = l.Close()
	c := exec.Command(program, "-H", host, "-p", port)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	url := "http://" + net.JoinHostPort(host, port)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		r, _ := http.NewRequestWithContext(ctx, http.MethodGet, url+"/moto-api/data.json", nil)
		w, err := http.DefaultClient.Do(r)
		if err == nil {
			_ = w.Body.Close()
			return url
		}
		if ctx.Err() != nil {
			t.Fatalf("moto did not start: %v", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestOtherToolsSeeTheLabels(t *testing.T) {
	s, url := newService(t)
	w := open(t, at(url))
	secrettest.Fill(t, w, map[string]secrettest.Kept{"key": {Current: "two", Previous: "one"}})
	if _, err := w.WritePending(t.Context(), "key", secret.Of("three")); err != nil {
		t.Fatal(err)
	}
	k := s.secrets["assay/key"]
	for label, text := range map[string]string{"AWSCURRENT": "two", "AWSPREVIOUS": "one", "AWSPENDING": "three"} {
		if v := k.versions[k.holder(label)]; v == nil || v.text != text {
			t.Errorf("%s is %+v, want %s", label, v, text)
		}
	}
}

func TestAnUntestedFirstValueIsNotCurrentForOthers(t *testing.T) {
	s, url := newService(t)
	w := open(t, at(url))
	if _, err := w.WritePending(t.Context(), "key", secret.Of("one")); err != nil {
		t.Fatal(err)
	}
	k := s.secrets["assay/key"]
	if v := k.versions[k.holder("AWSCURRENT")]; v.text != "unset" {
		t.Errorf("AWSCURRENT is %q", v.text)
	}
}

// Terraform and the console make secrets without a version.
func TestASecretWithoutAnyVersionIsFilled(t *testing.T) {
	s, url := newService(t)
	s.secrets["assay/key"] = &kept{versions: map[string]*version{}}
	w := open(t, at(url))
	if _, err := w.Read(t.Context(), "key"); fault.Of(err) != fault.Unknown || err == nil {
		t.Errorf("%v", err)
	}
	id, err := w.WritePending(t.Context(), "key", secret.Of("one"))
	if err != nil {
		t.Fatal(err)
	}
	v, err := w.Read(t.Context(), "key")
	if err != nil || v.Current.Present() || v.Pending.ID != id {
		t.Errorf("%+v, %v", v, err)
	}
}

// The answer to each call that changes something is lost once; the repeated call, with
// the same token, changes nothing more.
func TestALostAnswerIsNotASecondVersion(t *testing.T) {
	t.Parallel() // it waits between attempts
	for _, op := range []string{"CreateSecret", "PutSecretValue", "UpdateSecretVersionStage"} {
		s, url := newService(t)
		w := open(t, at(url))
		if op != "CreateSecret" {
			secrettest.Fill(t, w, map[string]secrettest.Kept{"key": {Current: "one"}})
		}
		s.lose[op] = 1
		if _, err := secret.Push(t.Context(), w, "key", secret.Of("two"), func(context.Context, secret.Value) error { return nil }); err != nil {
			t.Errorf("%s: %v", op, err)
		}
		v, err := w.Read(t.Context(), "key")
		if err != nil || v.Current.Value.Reveal() != "two" || v.Pending.Present() || v.Previous.Present() != (op != "CreateSecret") {
			t.Errorf("%s: %+v, %v", op, v, err)
		}
		if s.lose[op] != 0 {
			t.Errorf("%s was never called", op)
		}
	}
}

// Two writers of one value that did not see each other make two versions of it; the
// second promotion must not push the real previous value out.
func TestTwinsDoNotPushOutThePreviousValue(t *testing.T) {
	s, url := newService(t)
	w := open(t, at(url))
	secrettest.Fill(t, w, map[string]secrettest.Kept{"key": {Current: "zero"}})
	first, err := w.WritePending(t.Context(), "key", secret.Of("one"))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Promote(t.Context(), "key", first); err != nil {
		t.Fatal(err)
	}
	twin := secret.NewID()
	if _, f := s.secrets["assay/key"].put(request{ClientRequestToken: twin, SecretString: "one", VersionStages: []string{"AWSPENDING"}}); f != nil {
		t.Fatal(f)
	}
	if err := w.Promote(t.Context(), "key", twin); fault.Of(err) != fault.Conflict || err == nil {
		t.Errorf("%v", err)
	}
	v, err := w.Read(t.Context(), "key")
	if err != nil || v.Current.ID != first || v.Previous.Value.Reveal() != "zero" || v.Pending.Present() {
		t.Errorf("%+v, %v", v, err)
	}
}

// A crash between moving AWSCURRENT and taking AWSPENDING away.
func TestHalfAPromotionIsFinished(t *testing.T) {
	s, url := newService(t)
	w := open(t, at(url))
	secrettest.Fill(t, w, map[string]secrettest.Kept{"key": {Current: "one"}})
	id, err := w.WritePending(t.Context(), "key", secret.Of("two"))
	if err != nil {
		t.Fatal(err)
	}
	s.secrets["assay/key"].label("AWSCURRENT", id)
	v, err := w.Read(t.Context(), "key")
	if err != nil || v.Current.ID != id || v.Pending.Present() || v.Previous.Value.Reveal() != "one" {
		t.Errorf("%+v, %v", v, err)
	}
	if err := w.Promote(t.Context(), "key", id); err != nil {
		t.Error(err)
	}
	if s.secrets["assay/key"].holder("AWSPENDING") != "" {
		t.Error("AWSPENDING stayed")
	}
}

func TestRefusalsHaveTheirKinds(t *testing.T) {
	t.Parallel() // it waits between attempts
	for code, kind := range map[string]fault.Kind{
		"AccessDeniedException": fault.Denied, "ExpiredTokenException": fault.Unauthentic, "DecryptionFailure": fault.Denied,
		"InvalidRequestException": fault.Conflict, "LimitExceededException": fault.Exhausted, "InvalidParameterException": fault.Invalid,
	} {
		s, url := newService(t)
		s.refuse["DescribeSecret"] = code
		w := open(t, at(url))
		if _, err := w.Read(t.Context(), "key"); fault.Of(err) != kind || err == nil {
			t.Errorf("%s: %v is %v, want %v", code, err, fault.Of(err), kind)
		}
		if _, err := w.WritePending(t.Context(), "key", secret.Of("x")); fault.Of(err) != kind || err == nil {
			t.Errorf("%s, writing: %v is %v, want %v", code, err, fault.Of(err), kind)
		}
		if len(s.secrets) != 0 {
			t.Errorf("%s: something was written", code)
		}
	}
}

func TestADeletedSecretIsLeftAlone(t *testing.T) {
	s, url := newService(t)
	w := open(t, at(url))
	secrettest.Fill(t, w, map[string]secrettest.Kept{"key": {Current: "one"}})
	s.secrets["assay/key"].deleted = true
	if _, err := w.WritePending(t.Context(), "key", secret.Of("x")); fault.Of(err) != fault.Conflict || err == nil || !strings.Contains(err.Error(), "deletion") {
		t.Errorf("%v", err)
	}
}

func TestWrongCredentialsAreUnauthentic(t *testing.T) {
	_, url := newService(t)
	o := at(url)
	o.Key = secret.Of("another key")
	if _, err := open(t, o).Read(t.Context(), "key"); fault.Of(err) != fault.Unauthentic || err == nil || strings.Contains(err.Error(), "another key") {
		t.Errorf("%v", err)
	}
	o = at(url)
	o.KeyID, o.Lookup = "", func(string) (string, bool) { return "", false }
	if _, err := open(t, o).Read(t.Context(), "key"); fault.Of(err) != fault.Unauthentic || err == nil || !strings.Contains(err.Error(), "AWS_ACCESS_KEY_ID") {
		t.Errorf("%v", err)
	}
}

func TestCredentialsOfTheEnvironment(t *testing.T) {
	s, url := newService(t)
	s.session = "a session"
	vars := map[string]string{"AWS_ACCESS_KEY_ID": "AKIDTEST", "AWS_SECRET_ACCESS_KEY": "the key", "AWS_SESSION_TOKEN": "a session"}
	o := at(url)
	o.KeyID, o.Lookup = "", func(n string) (string, bool) { v, ok := vars[n]; return v, ok }
	secrettest.Fill(t, open(t, o), map[string]secrettest.Kept{"key": {Current: "one"}})
}

func TestAServiceOutOfReachIsUnavailable(t *testing.T) {
	t.Parallel() // it waits between attempts
	o := at("http://127.0.0.1:1")
	if _, err := open(t, o).Read(t.Context(), "key"); fault.Of(err) != fault.Unavailable || err == nil {
		t.Errorf("%v", err)
	}
	s, url := newService(t)
	s.lose["DescribeSecret"] = 100
	if _, err := open(t, at(url)).Read(t.Context(), "key"); fault.Of(err) != fault.Unavailable || err == nil {
		t.Errorf("%v", err)
	}
	if s.calls["DescribeSecret"] != 3 {
		t.Errorf("it was asked %d times", s.calls["DescribeSecret"])
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for _, o := range []awssm.Options{{}, {Region: "x", Endpoint: "nonsense"}, {Region: "x", KeyID: "x"}, {Region: "x", Prefix: "../"}} {
		if _, err := awssm.Open(o); fault.Of(err) != fault.Invalid || err == nil {
			t.Errorf("%+v: %v", o, err)
		}
	}
}
