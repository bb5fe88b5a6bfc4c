package app

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/notify"
)

func TestLettersAreBoundedAndGoOnlyWhereTheSettingsAllowItNow(t *testing.T) {
	at, sent := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), 0
	check := Webhooks{Mail: []string{"@example.org"}}.check(Mail{Addr: "mail.example.org:587"})
	post := rationed(check, func() time.Time { return at }, func(context.Context, notify.Event, string) error { sent++; return nil })
	write := func(to string) error { return post(t.Context(), notify.Event{}, to) }

	if err := write("was.allowed@example.net"); fault.Of(err) != fault.Denied || sent != 0 {
		t.Fatal("a letter went where the settings no longer allow it", err)
	}
	for range lettersEach {
		if err := write("ops@example.org"); err != nil {
			t.Fatal(err)
		}
	}
	if err := write("ops@example.org"); fault.Of(err) != fault.Exhausted {
		t.Fatal("one address gets letters without end", err)
	}
	for i := range lettersAll - lettersEach {
		if err := write(fmt.Sprintf("ops%d@example.org", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := write("another@example.org"); fault.Of(err) != fault.Exhausted || sent != lettersAll {
		t.Fatal("letters go out without end", sent, err)
	}
	at = at.Add(time.Hour)
	if err := write("ops@example.org"); err != nil {
		t.Fatal("the next hour is like the one before", err)
	}
}
