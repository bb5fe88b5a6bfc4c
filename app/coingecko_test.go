package app

import (
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/assayhq/assay/fault"
)

func TestTheCoinGeckoFaceIsServedWhereTheSettingsSay(t *testing.T) {
	cfg := Defaults()
	cfg.Data, cfg.Public = t.TempDir(), []string{"market:read"}
	cfg.Compat.CoinGecko.Paths = []string{"/api/v3/", "/mine"}
	a, err := New(cfg, "test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close() //nolint:errcheck // the folder goes away
	for path, want := range map[string]int{"/compat/coingecko/api/v3/ping": 200, "/api/v3/ping/": 200, "/mine/ping": 200, "/mine/coins/nothing": 404, "/mine/global": 503, "/compat/coingecko/v1": 401} {
		w := httptest.NewRecorder()
		a.API.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.Code != want || !strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

func TestTwoFacesCannotBeAtOnePlace(t *testing.T) {
	cfg := Defaults()
	cfg.Data = t.TempDir()
	cfg.Compat.CoinGecko.Paths, cfg.Compat.Binance.Paths = []string{"/api/v3"}, []string{"/"}
	if _, err := New(cfg, "test", slog.New(slog.DiscardHandler)); fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), "/api/v3/") {
		t.Error(err)
	}
	cfg.Data = t.TempDir()
	cfg.Compat.CoinGecko.Paths, cfg.Compat.Binance.Paths = []string{"no slash"}, nil
	if _, err := New(cfg, "test", slog.New(slog.DiscardHandler)); fault.Of(err) != fault.Invalid {
		t.Error(err)
	}
}
