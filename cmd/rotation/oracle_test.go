package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const s = int64(time.Second)

func TestTheOracleFindsWhatIsAcceptedOutsideItsTime(t *testing.T) {
	var l ledger
	l.made("old", 1*s)
	l.made("new", 10*s)
	l.ends("old", 30*s, "its date")
	l.ends("old", 60*s, "a later date")
	for _, c := range []struct {
		kid   string
		t     int64
		wrong string
	}{
		{"old", 1 * s, ""}, {"old", 30 * s, ""}, {"old", 30*s + 1, "its date"}, {"old", s - 1, "before it was asked for"},
		{"new", 9 * s, "before"}, {"new", 500 * s, ""}, {"other", 20 * s, "nobody"},
	} {
		got := l.judge(&event{T: c.t, Kid: c.kid})
		if (c.wrong == "") != (got == "") || !strings.Contains(got, c.wrong) {
			t.Errorf("%s at %d: %q, want %q", c.kid, c.t, got, c.wrong)
		}
	}
	l.reopened("old", 25*s)
	if got := l.judge(&event{T: 40 * s, Kid: "old"}); got != "" {
		t.Errorf("a key whose rotation was given up: %s", got)
	}
}

func TestAnEventLogOfAKilledServerIsReadWhole(t *testing.T) {
	name := filepath.Join(t.TempDir(), "n1.jsonl")
	text := `{"t":5,"node":"n1","kid":"a","ring":"r","way":"rest"}
{"t":6,"node":"n1","ki{"t":7,"node":"n1","kid":"a","ring":"r","way":"rest"}
{"t":99,"node":"n1","kid":"a","ring":"r","way":"stream"}
`
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var l ledger
	l.made("a", 1)
	l.ends("a", 50, "revoked")
	accepted, outside, err := l.examine([]string{name}, io.Discard)
	if err != nil || accepted != 3 || outside != 1 {
		t.Errorf("%d accepted, %d outside, %v", accepted, outside, err)
	}
}

func TestAHolderKeepsTheKeyItHadUntilTheNextOneWorks(t *testing.T) {
	src := &source{}
	src.set("first")
	h := newHolder(src)
	if h.refresh() {
		t.Error("nothing new, and yet it moved")
	}
	src.set("second")
	if !h.refresh() || h.token() != "second" || h.spare() != "first" {
		t.Errorf("%s, %s", h.token(), h.spare())
	}
	src.set("first") // rolled back
	if !h.refresh() || h.token() != "first" || h.spare() != "second" {
		t.Errorf("%s, %s", h.token(), h.spare())
	}
}
