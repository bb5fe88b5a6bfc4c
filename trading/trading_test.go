package trading_test

import (
	"os"
	"strings"
	"testing"

	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/money"
	"github.com/assayhq/assay/trading"
)

func TestAForgottenVerdictIsNoRefusal(t *testing.T) {
	var o trading.Outcome
	if o.Verdict != trading.Unknown {
		t.Error("the zero outcome says that something is known")
	}
	if trading.StatusUnknown.Final() {
		t.Error("an order whose state is not known is taken for ended")
	}
}

func TestEachStatusHasAMeaning(t *testing.T) {
	seen := map[trading.Status]bool{}
	for _, s := range trading.Statuses() {
		if s.Meaning == "" || seen[s.Status] {
			t.Errorf("%q", s.Status)
		}
		seen[s.Status] = true
	}
	if len(seen) != 10 {
		t.Errorf("%d statuses", len(seen))
	}
}

func TestTheGlossaryHasTheStatuses(t *testing.T) {
	text, err := os.ReadFile("../docs/glossary.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range trading.Statuses() {
		if row := "| `" + string(s.Status) + "` | " + s.Meaning + " |\n"; !strings.Contains(string(text), row) {
			t.Errorf("docs/glossary.md lacks %s", row)
		}
	}
}

func TestWhatIsLeftOfAnOrder(t *testing.T) {
	o := trading.Order{Qty: money.MustQty("1.50"), Filled: money.MustQty("0.5")}
	if l := o.Left(); !l.Equal(money.MustParse("1")) {
		t.Errorf("%v", l)
	}
	o.Filled = money.MustQty("2") // more than ordered, or ordered in quote
	if l := o.Left(); !l.IsZero() {
		t.Errorf("%v", l)
	}
}

func TestANewOrderSaysWhatIsWrongWithIt(t *testing.T) {
	good := trading.NewOrder{ClientID: "a1", Pair: "BTC-USD", Side: market.Buy, Kind: trading.Limit, Price: money.MustPrice("1"), Qty: money.MustQty("1")}
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		field string
		make  func(*trading.NewOrder)
	}{
		{"client_id", func(n *trading.NewOrder) { n.ClientID = "" }},
		{"pair", func(n *trading.NewOrder) { n.Pair = "" }},
		{"side", func(n *trading.NewOrder) { n.Side = market.NoSide }},
		{"kind", func(n *trading.NewOrder) { n.Kind = trading.Conditional }},
		{"price", func(n *trading.NewOrder) { n.Price = money.Price{} }},
		{"price", func(n *trading.NewOrder) { n.Kind = trading.Market }},
		{"qty", func(n *trading.NewOrder) { n.Qty = money.Qty{} }},
		{"qty", func(n *trading.NewOrder) { n.Funds = money.MustParse("1") }},
		{"qty", func(n *trading.NewOrder) { n.Qty = money.MustQty("-1") }},
		{"funds", func(n *trading.NewOrder) { n.Qty, n.Funds = money.Qty{}, money.MustParse("1") }},
		{"post_only", func(n *trading.NewOrder) { n.PostOnly, n.Life = true, trading.Immediate }},
	} {
		n := good
		c.make(&n)
		if err := n.Check(); fault.Of(err) != fault.Invalid || fault.Field(err) != c.field {
			t.Errorf("%s: %v", c.field, err)
		}
	}
}
