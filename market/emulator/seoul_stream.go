package emulator

import (
	"fmt"
	"slices"
	"time"
)

func (s *seoul) happen(t *topic, e *event) {
	if t.place == "trades" {
		for i := range e.trades {
			s.v.cast(t, &message{seq: uint64(e.trades[i].id), data: s.trade(t, &e.trades[i], "REALTIME")})
		}
	}
}

func (s *seoul) beat(t *topic, at time.Time) {
	switch t.place {
	case "book":
		s.beatBook(t, at)
	case "candles":
		if k, ok := t.p.tape.current(t.interval, 0, at); ok && k.last != t.told {
			t.told = k.last
			s.v.cast(t, &message{data: s.candle(t, &k, at, "REALTIME")})
		}
	default:
		if t.p.tape.next != t.told {
			t.told = t.p.tape.next
			s.v.cast(t, &message{data: s.ticker(t, at, "REALTIME")})
		}
	}
}

// beatBook sends the whole book: to all when it changed, to newcomers in any case.
func (s *seoul) beatBook(t *topic, at time.Time) {
	x, now := t.data.(*seoulTopic), t.p.book.top(t.depth)
	d := &delta{snapshot: true, book: now, at: at}
	same := slices.Equal(now.bids, t.sent.bids) && slices.Equal(now.asks, t.sent.asks)
	t.sent = now
	for _, c := range x.waiting {
		if slices.Contains(t.conns, c) {
			m := &message{place: t.place, topic: t.name, symbol: t.p.symbol, d: d, render: func(d *delta) []byte { return s.book(t, d, "SNAPSHOT") }}
			m.data = m.render(d)
			c.emit(m)
		}
	}
	x.waiting = nil
	if !same {
		s.v.castBook(t, d, func(d *delta) []byte { return s.book(t, d, "REALTIME") })
	}
}

// say picks the long or the short name of a member.
func (t *topic) say(long, short string) string {
	if x, ok := t.data.(*seoulTopic); ok && x.short {
		return short
	}
	return long
}

// frame puts around a message's members what all have.
func (s *seoul) frame(t *topic, members string, at time.Time, stream string) []byte {
	return fmt.Appendf(nil, `{"%s":"%s","%s":"%s",%s,"%s":%d,"%s":"%s"}`, t.say("type", "ty"), t.name, t.say("code", "cd"), t.p.symbol, members,
		t.say("timestamp", "tms"), ms(s.v.stamp(at)), t.say("stream_type", "st"), stream)
}

func (s *seoul) book(t *topic, d *delta, stream string) []byte {
	return s.frame(t, s.units(t.p, &d.book, t.say), d.at, stream)
}

// units writes both sides side by side; the shorter one is filled up with zeros.
func (s *seoul) units(p *pit, book *ladder, say func(long, short string) string) string {
	var b []byte
	var asks, bids int64
	for i := range max(len(book.bids), len(book.asks)) {
		var bid, ask rung
		if i < len(book.bids) {
			bid = book.bids[i]
		}
		if i < len(book.asks) {
			ask = book.asks[i]
		}
		asks, bids = asks+ask.qty, bids+bid.qty
		if i > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, `{"%s":%s,"%s":%s,"%s":%s,"%s":%s}`, say("ask_price", "ap"), plainText(ask.px, p.pd), say("bid_price", "bp"), plainText(bid.px, p.pd),
			say("ask_size", "as"), plainText(ask.qty, p.qd), say("bid_size", "bs"), plainText(bid.qty, p.qd))
	}
	return fmt.Sprintf(`"%s":%s,"%s":%s,"%s":[%s]`, say("total_ask_size", "tas"), plainText(asks, p.qd), say("total_bid_size", "tbs"), plainText(bids, p.qd), say("orderbook_units", "obu"), b)
}

func seoulSide(x *trade) string {
	if x.sell {
		return "ASK"
	}
	return "BID"
}

func (s *seoul) trade(t *topic, x *trade, stream string) []byte {
	id := itoa(x.id)
	if s.bithumb {
		id = quoted(id)
	}
	at := s.v.stamp(x.at)
	return s.frame(t, fmt.Sprintf(`"%s":%s,"%s":%s,"%s":"%s","%s":"%s","%s":"%s","%s":%d,"%s":%s`, t.say("trade_price", "tp"), plainText(x.px, t.p.pd), t.say("trade_volume", "tv"), plainText(x.qty, t.p.qd),
		t.say("ask_bid", "ab"), seoulSide(x), t.say("trade_date", "td"), at.Format("2006-01-02"), t.say("trade_time", "ttm"), at.Format("15:04:05"), t.say("trade_timestamp", "ttms"), ms(at), t.say("sequential_id", "sid"), id), x.at, stream)
}

// kst is the wall clock of Seoul.
func kst(t time.Time) string { return t.UTC().Add(9 * time.Hour).Format("2006-01-02T15:04:05") }

func (s *seoul) candle(t *topic, k *bar, at time.Time, stream string) []byte {
	return s.frame(t, s.bar(t.p, k, t.say), at, stream)
}

// bar writes a candle's members; its times have no zone.
func (s *seoul) bar(p *pit, k *bar, say func(long, short string) string) string {
	px := func(n int64) string { return plainText(n, p.pd) }
	return fmt.Sprintf(`"%s":"%s","%s":"%s","%s":%s,"%s":%s,"%s":%s,"%s":%s,"%s":%s,"%s":%s`, say("candle_date_time_utc", "cdttmu"), k.open.UTC().Format("2006-01-02T15:04:05"),
		say("candle_date_time_kst", "cdttmk"), kst(k.open), say("opening_price", "op"), px(k.o), say("high_price", "hp"), px(k.h), say("low_price", "lp"), px(k.l),
		say("trade_price", "tp"), px(k.c), say("candle_acc_trade_volume", "catv"), plainText(k.vol, p.qd), say("candle_acc_trade_price", "catp"), k.quote.append(nil, p.pd+p.qd, min(p.pd+p.qd, 8)))
}

func (s *seoul) ticker(t *topic, at time.Time, stream string) []byte {
	return s.frame(t, s.day(t.p, at, t.say), at, stream)
}

// day writes the members of a ticker that others use.
func (s *seoul) day(p *pit, at time.Time, say func(long, short string) string) string {
	day, last := p.tape.day(at), p.tape.lastTrade()
	px := func(n int64) string { return plainText(n, p.pd) }
	return fmt.Sprintf(`"%s":%s,"%s":%s,"%s":%s,"%s":%s,"%s":%s,"%s":%s,"%s":"%s","%s":%s,"%s":%d`, say("opening_price", "op"), px(day.o), say("high_price", "hp"), px(day.h), say("low_price", "lp"), px(day.l),
		say("trade_price", "tp"), px(last.px), say("prev_closing_price", "pcp"), px(day.o), say("trade_volume", "tv"), plainText(last.qty, p.qd), say("ask_bid", "ab"), seoulSide(&last),
		say("acc_trade_volume_24h", "atv24h"), plainText(day.vol, p.qd), say("trade_timestamp", "ttms"), ms(s.v.stamp(last.at)))
}

func (s *seoul) strange(enum bool) []byte {
	p := s.v.pits[0]
	if enum {
		return fmt.Appendf(nil, `{"type":"trade","code":"%s","timestamp":%d,"trade_timestamp":%d,"trade_price":%s,"trade_volume":1,"ask_bid":"AUCTION","sequential_id":1,"stream_type":"REALTIME"}`,
			p.symbol, ms(s.v.stamp(p.last)), ms(s.v.stamp(p.last)), plainText(p.book.bids[0].px, p.pd))
	}
	return fmt.Appendf(nil, `{"type":"somethingNew","code":"%s","value":1,"stream_type":"REALTIME"}`, p.symbol)
}

func (s *seoul) farewell(*conn) time.Duration { return 0 }
