package indicator

import (
	"strings"
	"testing"
)

// A slip of the finger finds what was meant first.
func TestASlipNamesWhatWasMeant(t *testing.T) {
	catalogue := Catalogue()
	for typed, meant := range map[string]string{"RIS": "RSI", "MACS": "MACD", "bbandz": "BBANDS"} {
		_, err := Find(catalogue, typed)
		if err == nil {
			t.Fatalf("%s was found", typed)
		}
		if _, near, _ := strings.Cut(err.Error(), "near it are "); !strings.Contains(near, meant) {
			t.Errorf("%s: %v", typed, err)
		}
	}
	if f, err := Find(catalogue, "rsi"); err != nil || f.Name != "RSI" {
		t.Error(f, err)
	}
}
