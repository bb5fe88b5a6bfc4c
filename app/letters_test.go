package app_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/gate"
)

func TestLettersTellAllowedPeopleWhatHappensToKeys(t *testing.T) {
	office := newPostOffice(t)
	w := newTown(t, office)
	made, err := w.Gate.Create(t.Context(), gate.By{Name: "cli"}, gate.Spec{Name: "all", Org: "acme", App: "bot", Scopes: []access.Scope{access.WebhooksWrite, access.KeysWrite, access.MarketRead}})
	if err != nil {
		t.Fatal(err)
	}
	key := made.Token
	register := func(status int, url string) {
		t.Helper()
		w.must(t, status, http.MethodPost, "/v1/webhooks", key, map[string]any{"url": url, "events": []string{"key.*"}})
	}
	register(http.StatusCreated, "mailto:ops@example.org")
	register(http.StatusForbidden, "mailto:stranger@example.net")
	register(http.StatusBadRequest, "mailto:ops@example.org?bcc=stranger@example.net")
	register(http.StatusBadRequest, "mailto:Ops <ops@example.org>")
	w.must(t, http.StatusCreated, http.MethodPost, "/v1/rings/"+made.Ring.ID+"/rotate", key, map[string]any{})
	var letter string
	select {
	case letter = <-office.letters:
	case <-time.After(20 * time.Second):
		t.Fatal("no letter came")
	}
	if !strings.Contains(letter, "To: <ops@example.org>") || !strings.Contains(letter, "A new key is ready") || !strings.Contains(letter, made.Ring.ID) || strings.Contains(letter, "asy_live") {
		t.Errorf("%s", letter)
	}
}
