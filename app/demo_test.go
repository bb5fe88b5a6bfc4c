package app_test

import (
	"encoding/json"
	"testing"
)

// Who tries the demonstration gets risk, grades and a change over a year at once, and is
// told that all of it is simulated.
func TestTheDemonstrationHasAYearBehindIt(t *testing.T) {
	s := startDemo(t, t.TempDir())
	eventually(t, "risk of 365 returns, a grade and a change over a year", func() bool {
		var risk struct {
			Data struct{ Returns int }
			Meta struct{ Simulated bool }
		}
		var grades struct {
			Data []struct {
				Kind  string
				Value *float64
			}
			Meta struct{ Simulated bool }
		}
		var figures struct {
			Data struct {
				Change *float64 `json:"change_1y"`
			}
		}
		for path, to := range map[string]any{"/v1/risk/BTC": &risk, "/v1/grades?kind=trader&assets=BTC": &grades, "/v1/figures/BTC": &figures} {
			status, body := s.get(t, path)
			if status != 200 || json.Unmarshal([]byte(body), to) != nil {
				return false
			}
		}
		if !risk.Meta.Simulated || !grades.Meta.Simulated {
			t.Fatal("the answers do not say that they are simulated")
		}
		return risk.Data.Returns == 365 && len(grades.Data) == 1 && grades.Data[0].Value != nil && figures.Data.Change != nil
	})
}
