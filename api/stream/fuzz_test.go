package stream

import (
	"encoding/json"
	"testing"

	"github.com/assayhq/assay/fault"
)

// FuzzRequest: whatever a client sends is either understood completely or refused as
// the client's mistake, with a sentence; and the answer is JSON.
func FuzzRequest(f *testing.F) {
	for _, s := range []string{
		`{"op":"subscribe","id":1,"topics":[{"ch":"trades","pair":"BTC-USD","venue":"kraken","from_seq":5}]}`,
		`{"op":"subscribe","topics":[{"ch":"candles","pair":"btc/usd","interval":"1m"},{"ch":"price","asset":"BTC","quote":"EUR"}]}`,
		`{"op":"subscribe","topics":[{"ch":"books","pair":"BTC-USD","venue":"kraken","depth":50}]}`,
		`{"op":"subscribe","topics":[{"ch":"indicators","pair":"BTC-USD","interval":"1m","functions":"RSI(14),MACD(5,20)"}]}`,
		`{"op":"unsubscribe","sids":[1,2]}`, `{"op":"reauth","id":1,"token":"asy_live_x"}`, `{"op":"reauth","token":5}`, `{"op":"ping","id":{"a":[1]}}`, `{"op":"ping"}{}`, `[]`, `{"op":1}`, `{"op":"ping","op":"ping"}`, "{\"op\":\"\xff\"}",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, msg []byte) {
		q, err := parse(msg)
		answer := reply("x", q.id)
		if err != nil {
			if fault.Of(err) != fault.Invalid || fault.Public(err) == "" {
				t.Fatalf("%v", err)
			}
			answer = append(answer, `,"error":`...)
			answer, _ = appendProblem(answer, err)
		} else {
			if q.op == "reauth" && q.token == "" || q.op != "ping" && q.op != "reauth" && len(q.topics)+len(q.sids) == 0 {
				t.Fatalf("nothing asked for: %s", msg)
			}
			for _, w := range q.topics {
				if w.pair == "" || fieldsOf[w.ch] == nil || w.depth < 0 || w.depth > maxDepth || (w.interval != "") != (w.ch == "candles" || w.ch == indicators) || (w.functions != "") != (w.ch == indicators) {
					t.Fatalf("%+v of %s", w, msg)
				}
			}
		}
		if answer = append(answer, '}'); !json.Valid(answer) {
			t.Fatalf("answer is not JSON: %s", answer)
		}
	})
}

// FuzzGrammar: the topics of an address, likewise.
func FuzzGrammar(f *testing.F) {
	for _, s := range []string{"trades:BTC-USD@kraken,books:BTC-USD@kraken/50", "candles:BTC-USD/1m", "price:BTC-USD", "indicators:BTC-USD@kraken/1m/MACD(5,20),indicators:BTC-USD/1h/SMA(2", `[{"ch":"price","asset":"BTC"}]`, "a:b@c/d", ",,"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ws, err := grammar(s)
		if err != nil {
			if fault.Of(err) != fault.Invalid || fault.Public(err) == "" {
				t.Fatalf("%v", err)
			}
			return
		}
		for _, w := range ws {
			if w.pair == "" || fieldsOf[w.ch] == nil {
				t.Fatalf("%+v of %q", w, s)
			}
		}
	})
}
