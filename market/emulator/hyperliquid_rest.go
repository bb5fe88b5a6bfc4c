package emulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// hyperliquidAsk is the body of a request.
type hyperliquidAsk struct {
	Type  string `json:"type"`
	Coin  string `json:"coin"`
	Start int64  `json:"startTime"`
	End   int64  `json:"endTime"`
	Req   struct {
		Coin     string `json:"coin"`
		Interval string `json:"interval"`
		Start    int64  `json:"startTime"`
		End      int64  `json:"endTime"`
	} `json:"req"`
}

// recentTrades is how many trades the venue shows of a coin.
const recentTrades = 10

// cost: 20 for most, 2 for the light ones; lists cost more by their rows.
func (h *hyperliquid) cost(q *query) (string, int) {
	var a hyperliquidAsk
	if json.Unmarshal(q.post(), &a) != nil {
		return "", 1
	}
	switch a.Type {
	case "l2Book", "allMids", "exchangeStatus":
		return "", 2
	case "candleSnapshot":
		if length := hyperliquidInterval(a.Req.Interval).Length(); length > 0 {
			end := q.now
			if a.Req.End > 0 && time.UnixMilli(a.Req.End).Before(end) {
				end = time.UnixMilli(a.Req.End)
			}
			rows := min(max(int64(end.Sub(time.UnixMilli(a.Req.Start))/length), 0), 5000)
			return "", 20 + int(rows)/60
		}
	case "fundingHistory":
		return "", 20 + 500/20
	}
	return "", 20
}

func (h *hyperliquid) refuse(_ *query, r refusal) reply {
	a := answer(http.StatusTooManyRequests, []byte("null"))
	if r.banned || r.forced {
		a.header = map[string]string{"Retry-After": itoa(int64(r.retry / time.Second))}
	}
	return a
}

func (h *hyperliquid) rest(q *query) reply {
	var a hyperliquidAsk
	if q.path != "/info" {
		return answer(http.StatusNotFound, nil)
	}
	if q.r.Method != http.MethodPost {
		return answer(http.StatusMethodNotAllowed, nil)
	}
	if json.Unmarshal(q.post(), &a) != nil {
		return reply{status: http.StatusUnprocessableEntity, mime: "text/plain", body: []byte("Failed to parse the request body as JSON")}
	}
	switch a.Type {
	case "exchangeStatus":
		return answer(200, fmt.Appendf(nil, `{"time":%d,"specialStatuses":null}`, ms(q.clock())))
	case "meta":
		return answer(200, []byte(h.meta()))
	case "spotMeta":
		return answer(200, []byte(h.spotMeta()))
	case "metaAndAssetCtxs":
		var out []string
		for _, p := range h.v.pits {
			if p.perp {
				out = append(out, h.context(p, q.now))
			}
		}
		return answer(200, fmt.Appendf(nil, `[%s,[%s]]`, h.meta(), strings.Join(out, ",")))
	case "allMids":
		var out []string
		for _, p := range h.v.pits {
			out = append(out, fmt.Sprintf(`"%s":"%s"`, p.symbol, pointed(p.cents(p.mid(q.now)), p.pd)))
		}
		return answer(200, fmt.Appendf(nil, `{%s}`, strings.Join(out, ",")))
	case "l2Book", "recentTrades", "candleSnapshot", "fundingHistory":
	default:
		return reply{status: http.StatusUnprocessableEntity, mime: "text/plain", body: []byte("Failed to deserialize the JSON body into the target type")}
	}
	if a.Type == "candleSnapshot" {
		a.Coin = a.Req.Coin
	}
	p := h.v.symbols[a.Coin]
	if p == nil {
		return answer(http.StatusInternalServerError, []byte("null"))
	}
	switch a.Type {
	case "l2Book":
		book := p.book.top(20)
		return answer(200, []byte("{"+h.book(p, &delta{bids: book.bids, asks: book.asks, at: p.last})+"}"))
	case "recentTrades":
		var out []string
		for _, x := range reversed(p.tape.recent(recentTrades)) {
			out = append(out, h.trade(p, &x))
		}
		return answer(200, []byte("["+strings.Join(out, ",")+"]"))
	case "candleSnapshot":
		return h.candles(q, p, &a)
	}
	return h.fundings(q, p, &a)
}

func (h *hyperliquid) meta() string {
	var out []string
	for _, p := range h.v.pits {
		if p.perp {
			out = append(out, fmt.Sprintf(`{"szDecimals":%d,"name":"%s","maxLeverage":40,"marginTableId":56}`, p.qd, p.symbol))
		}
	}
	return fmt.Sprintf(`{"universe":[%s],"marginTables":[],"collateralToken":0}`, strings.Join(out, ","))
}

// spotMeta: token 0 is USDC; every market has a token of its own.
func (h *hyperliquid) spotMeta() string {
	tokens := []string{`{"name":"USDC","szDecimals":8,"weiDecimals":8,"index":0,"tokenId":"0x0","isCanonical":true,"evmContract":null,"fullName":null}`}
	var universe []string
	for _, p := range h.v.pits {
		if !p.perp {
			tokens = append(tokens, fmt.Sprintf(`{"name":"%s","szDecimals":%d,"weiDecimals":8,"index":%d,"tokenId":"0x1","isCanonical":false,"evmContract":null,"fullName":null}`, p.base(), p.qd, 1+p.index))
			universe = append(universe, fmt.Sprintf(`{"tokens":[%d,0],"name":"%s","index":%d,"isCanonical":false}`, 1+p.index, p.symbol, 100+p.index))
		}
	}
	return fmt.Sprintf(`{"universe":[%s],"tokens":[%s]}`, strings.Join(universe, ","), strings.Join(tokens, ","))
}

// candles: of the latest 5000 bars those in a range, both ends inclusive, padded.
func (h *hyperliquid) candles(q *query, p *pit, a *hyperliquidAsk) reply {
	i := hyperliquidInterval(a.Req.Interval)
	if i == "" {
		return reply{status: http.StatusUnprocessableEntity, mime: "text/plain", body: []byte("Failed to deserialize the JSON body into the target type")}
	}
	end := q.now
	if a.Req.End > 0 && time.UnixMilli(a.Req.End).Before(end) {
		end = time.UnixMilli(a.Req.End)
	}
	var out []string
	for _, b := range lastN(p.tape.spans(i, 0, p.tape.reach(i), q.now, true), 5000) {
		if ms(b.open) >= a.Req.Start && !b.open.After(end) {
			out = append(out, h.candle(p, i.Next(b.open), string(i), &b))
		}
	}
	return answer(200, []byte("["+strings.Join(out, ",")+"]"))
}

// fundings: the first 500 rows of a range, each written down some milliseconds after its hour.
func (h *hyperliquid) fundings(q *query, p *pit, a *hyperliquidAsk) reply {
	end := q.now
	if a.End > 0 && time.UnixMilli(a.End).Before(end) {
		end = time.UnixMilli(a.End)
	}
	var out []string
	at, rate := p.fundings(time.UnixMilli(a.Start).Add(-time.Hour), end)
	for i := range at {
		written := at[i].Add(time.Duration(mix(uint64(at[i].Unix()), 1, 9)%100) * time.Millisecond)
		if !p.perp || ms(written) < a.Start || written.After(end) || len(out) == 500 {
			continue
		}
		x := p.terms(at[i])
		out = append(out, fmt.Sprintf(`{"coin":"%s","fundingRate":"%s","premium":"%s","time":%d}`, p.symbol, decimals(rate[i], 10), decimals(x.mark/x.index-1, 10), ms(written)))
	}
	return answer(200, []byte("["+strings.Join(out, ",")+"]"))
}
