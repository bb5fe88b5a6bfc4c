package account_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/assayhq/assay/access/secret"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/emulator"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/market/venue/all"
	"github.com/assayhq/assay/trading"
	"github.com/assayhq/assay/trading/account"
)

// trader is an emulated exchange and what a client of it has.
type trader struct {
	*testing.T
	d    *venue.Driver
	base string
	keys []emulator.Key
	n    int64
}

func trade(t *testing.T, id market.VenueID) *trader {
	t.Helper()
	v, err := emulator.New(id, emulator.NewWorld(7, emulator.WorldOptions{History: time.Hour}), emulator.Options{Lag: -1, Pairs: []market.Pair{"BTC-USDT", "BTC-USD"}})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- v.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	for _, d := range all.Drivers() {
		if d.Spec.ID == id {
			return &trader{T: t, d: d, base: "http://" + l.Addr().String(), keys: v.Keys()}
		}
	}
	t.Fatalf("no connector of %s", id)
	return nil
}

func (x *trader) credentials(k emulator.Key) venue.Credentials {
	return venue.NewCredentials(map[string]secret.Value{
		venue.FieldKey: secret.Of(k.Key), venue.FieldSecret: secret.Of(k.Secret), venue.FieldPassphrase: secret.Of(k.Passphrase),
	})
}

func (x *trader) reader(k emulator.Key) *account.Reader {
	x.Helper()
	r, err := account.New(account.Options{Driver: x.d, Base: x.base, Code: strings.ToUpper, Keys: x.credentials(k)})
	if err != nil {
		x.Fatal(err)
	}
	if err := r.Learn(x.Context()); err != nil {
		x.Fatal(err)
	}
	return r
}

// send signs a call with the connector's signer and sends it.
func (x *trader) send(k emulator.Key, c venue.Call) (int, string) {
	x.Helper()
	c.Host = strings.TrimPrefix(x.base, "http://")
	x.n++
	m := venue.Moment{Time: time.Now(), Nonce: time.Now().UnixMilli() - 1000 + x.n}
	m.Random[0] = byte(x.n)
	s, err := x.d.Private.Sign(c, x.credentials(k), m)
	if err != nil {
		x.Fatal(err)
	}
	req, err := http.NewRequestWithContext(x.Context(), s.Method, x.base+s.Path, strings.NewReader(s.Body))
	if err != nil {
		x.Fatal(err)
	}
	for name, v := range s.Header {
		req.Header.Set(name, v)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		x.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		x.Fatal(err)
	}
	return res.StatusCode, string(body)
}

// orders are a limit order far from the market, and a market order, as each venue wants
// them; id is the owner's.
var orders = map[market.VenueID]func(id string, limit bool) venue.Call{
	"binance": func(id string, limit bool) venue.Call {
		if limit {
			return venue.Call{Method: "POST", Path: "/api/v3/order", Query: "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=10000.00&newClientOrderId=" + id}
		}
		return venue.Call{Method: "POST", Path: "/api/v3/order", Query: "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.003&newClientOrderId=" + id}
	},
	"bybit": func(id string, limit bool) venue.Call {
		if limit {
			return venue.Call{Path: "/v5/order/create", Body: `{"category":"spot","symbol":"BTCUSDT","side":"Buy","orderType":"Limit","qty":"0.01","price":"10000","orderLinkId":"` + id + `"}`}
		}
		return venue.Call{Path: "/v5/order/create", Body: `{"category":"spot","symbol":"BTCUSDT","side":"Buy","orderType":"Market","marketUnit":"baseCoin","qty":"0.003","orderLinkId":"` + id + `"}`}
	},
	"okx": func(id string, limit bool) venue.Call {
		if limit {
			return venue.Call{Path: "/api/v5/trade/order", Body: `{"instId":"BTC-USDT","tdMode":"cash","side":"buy","ordType":"limit","sz":"0.01","px":"10000","clOrdId":"` + id + `"}`}
		}
		return venue.Call{Path: "/api/v5/trade/order", Body: `{"instId":"BTC-USDT","tdMode":"cash","side":"buy","ordType":"market","tgtCcy":"base_ccy","sz":"0.003","clOrdId":"` + id + `"}`}
	},
	"kraken": func(id string, limit bool) venue.Call {
		if limit {
			return venue.Call{Path: "/0/private/AddOrder", Form: true, Body: "pair=XBTUSD&type=buy&ordertype=limit&volume=0.01&price=10000&cl_ord_id=" + id}
		}
		return venue.Call{Path: "/0/private/AddOrder", Form: true, Body: "pair=XBTUSD&type=buy&ordertype=market&volume=0.003&cl_ord_id=" + id}
	},
	"coinbase": func(id string, limit bool) venue.Call {
		if limit {
			return venue.Call{Path: "/api/v3/brokerage/orders", Body: `{"client_order_id":"` + id + `","product_id":"BTC-USD","side":"BUY","order_configuration":{"limit_limit_gtc":{"base_size":"0.01","limit_price":"10000","post_only":false}}}`}
		}
		return venue.Call{Path: "/api/v3/brokerage/orders", Body: `{"client_order_id":"` + id + `","product_id":"BTC-USD","side":"BUY","order_configuration":{"market_market_ioc":{"base_size":"0.003"}}}`}
	},
	"bitstamp": func(id string, limit bool) venue.Call {
		if limit {
			return venue.Call{Path: "/api/v2/buy/btcusd/", Form: true, Body: "amount=0.01&price=10000&client_order_id=" + id}
		}
		return venue.Call{Path: "/api/v2/buy/market/btcusd/", Form: true, Body: "amount=0.003&client_order_id=" + id}
	},
}

func TestAccountsOfEmulatedExchangesAreReadAsTheyAre(t *testing.T) {
	for id, order := range orders {
		t.Run(string(id), func(t *testing.T) {
			x := trade(t, id)
			owner, looker := x.keys[0], x.keys[1]
			r := x.reader(looker)
			before := read(x, r, venue.AccountAsk{What: venue.AskBalances})
			if _, body := x.send(owner, order("resting-1", true)); strings.Contains(body, "rror") && !strings.Contains(body, `"error":[]`) && !strings.Contains(body, "NoError") {
				t.Fatal(body)
			}
			if _, body := x.send(owner, order("taking-1", false)); strings.Contains(body, "reason") {
				t.Fatal(body)
			}
			open := read(x, r, venue.AccountAsk{What: venue.AskOrders})
			if len(open.Orders) != 1 || open.Orders[0].ClientID != "resting-1" || open.Orders[0].Status != trading.Open || open.Orders[0].Qty.String() == "" ||
				!strings.HasPrefix(open.Orders[0].Price.String(), "10000") || open.Orders[0].Side != market.Buy {
				t.Errorf("open orders: %+v", open.Orders)
			}
			in, err := r.Instrument(open.Orders[0].Pair)
			if err != nil {
				t.Fatal(err)
			}
			fills := read(x, r, venue.AccountAsk{What: venue.AskFills, Instrument: in})
			var bought, fee, held float64
			for _, f := range fills.Fills {
				bought += f.Qty.Float64()
				if f.FeeAsset == "BTC" {
					fee += f.Fee.Float64()
				}
				if f.Side != market.Buy || f.Role == trading.Maker {
					t.Errorf("%+v", f)
				}
			}
			if diff := bought - 0.003; diff > 1e-12 || diff < -1e-12 {
				t.Errorf("bought %v in %d fills", bought, len(fills.Fills))
			}
			after := read(x, r, venue.AccountAsk{What: venue.AskBalances})
			for i := range after.Balances {
				a, b := &after.Balances[i], &before.Balances[i]
				held += a.Held.Float64()
				if got, want := a.Total.Float64()-b.Total.Float64(), bought-fee; a.Asset == "BTC" && (got-want > 1e-9 || want-got > 1e-9) {
					t.Errorf("BTC changed by %v, not %v", got, want)
				}
			}
			if held < 100 || held > 101 {
				t.Errorf("an order of 100 holds %v", held)
			}
			for _, a := range []*trading.Account{before, open, fills, after} {
				if s := a.Strange(); len(s) > 0 {
					t.Errorf("strange: %v", s)
				}
			}
		})
	}
}

func read(x *trader, r *account.Reader, a venue.AccountAsk) *trading.Account {
	x.Helper()
	got, err := r.Read(x.Context(), a)
	if err != nil {
		x.Fatalf("%s: %v", a.What, err)
	}
	return got
}

func TestEmulatedExchangesRefuseInTheirOwnWords(t *testing.T) {
	for id, order := range orders {
		t.Run(string(id), func(t *testing.T) {
			x := trade(t, id)
			wrong := x.keys[0]
			wrong.Secret = x.keys[1].Secret
			stranger := x.keys[0]
			stranger.Key = strings.Replace(stranger.Key, "-", "-x", 1)
			for name, k := range map[string]emulator.Key{"another key's secret": wrong, "an unknown key": stranger} {
				_, err := x.reader(k).Read(t.Context(), venue.AccountAsk{What: venue.AskBalances})
				if fault.Of(err) != fault.Unauthentic {
					t.Errorf("%s: %v", name, err)
				}
			}
			status, body := x.send(x.keys[1], order("denied-1", true))
			err := error(nil)
			if status/100 != 2 && x.d.Private.Failure != nil {
				err = x.d.Private.Failure(status, []byte(body))
			} else {
				err = x.d.Private.Decode(venue.AccountAsk{What: venue.AskBalances}, []byte(body), venue.NewTable(x.d, strings.ToUpper), &trading.Account{})
			}
			if k := fault.Of(err); k != fault.Denied && (id != "binance" || k != fault.Unauthentic) { // Binance has one word for both
				t.Errorf("a key that only reads placed an order: %d %s %v", status, body, err)
			}
		})
	}
}
