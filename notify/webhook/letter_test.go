package webhook

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/assayhq/assay/notify"
)

func TestAnOrganisationCannotMakeUsWriteLettersWithoutEnd(t *testing.T) {
	sent := 0
	e := New(nil, nil, nil, Options{Mail: func(context.Context, notify.Event, string) error { sent++; return nil }})
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	write := func(org string, at time.Time) notify.Attempt {
		a := notify.Attempt{At: at, Outcome: notify.Failed}
		e.post(t.Context(), notify.Event{Org: org}, "ops@example.com", &a)
		return a
	}
	for range lettersAnHour {
		if a := write("acme", noon); a.Outcome != notify.Delivered {
			t.Fatal(a.Error)
		}
	}
	if a := write("acme", noon.Add(59*time.Minute)); a.Outcome != notify.Failed || !strings.Contains(a.Error, "60 letters an hour") {
		t.Errorf("%+v", a)
	}
	if a := write("other", noon); a.Outcome != notify.Delivered {
		t.Error("another organisation is held back", a.Error)
	}
	if a := write("acme", noon.Add(time.Hour)); a.Outcome != notify.Delivered || sent != lettersAnHour+2 {
		t.Errorf("after an hour: %+v, %d sent", a, sent)
	}
}
