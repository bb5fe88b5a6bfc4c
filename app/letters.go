package app

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/notify"
	"github.com/assayhq/assay/notify/webhook"
)

// Letters of endpoints in an hour, from this process. What is above is not lost: the
// delivery fails and is tried again later, as when a mail server does not answer.
const (
	lettersEach = 60   // to one address, however many endpoints have it
	lettersAll  = 1000 // to all together
)

// rationed is a post that writes only where the settings allow it now, which they may not
// have done any more since the endpoint was registered, and not without bound: whoever may
// register endpoints may also have tests and replays sent.
func rationed(check func(string) (string, error), now func() time.Time, post func(context.Context, notify.Event, string) error) func(context.Context, notify.Event, string) error {
	var mu sync.Mutex
	var began time.Time
	all, each := 0, map[string]int{}
	take := func(to string) error {
		mu.Lock()
		defer mu.Unlock()
		if t := now(); t.Sub(began) >= time.Hour || t.Before(began) {
			began, all = t, 0
			clear(each)
		}
		switch {
		case each[to] >= lettersEach:
			return fault.New(fault.Exhausted, "more than %d letters in an hour to one address: this one waits", lettersEach)
		case all >= lettersAll:
			return fault.New(fault.Exhausted, "more than %d letters of endpoints in an hour: this one waits", lettersAll)
		}
		all++
		each[to]++
		return nil
	}
	return func(ctx context.Context, e notify.Event, to string) error {
		if _, err := check(webhook.MailScheme + to); err != nil {
			return err
		}
		if err := take(strings.ToLower(to)); err != nil {
			return err
		}
		return post(ctx, e, to)
	}
}
