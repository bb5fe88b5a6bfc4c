package mexc

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/assayhq/assay/market"
	"github.com/assayhq/assay/market/venue"
	"github.com/assayhq/assay/money"
)

type feed struct{ t *venue.Table }

func open(t *venue.Table, _ *url.URL) venue.Feed { return &feed{t} }

// Decode reads a protocol buffer, or the JSON of acknowledgements and of older streams.
func (f *feed) Decode(frame []byte, out *market.Batch) error {
	if text := bytes.TrimLeft(frame, " \t\r\n"); len(text) > 0 && text[0] == '{' {
		return f.text(frame, out)
	}
	return f.wrapper(frame, out)
}

// The fields of the message that is around all others, and which of them hold one.
const (
	inChannel    protowire.Number = 1
	inSymbol     protowire.Number = 3
	inCreated    protowire.Number = 5
	inSent       protowire.Number = 6
	deals        protowire.Number = 301
	ticker       protowire.Number = 305
	kline        protowire.Number = 308
	lastKnown    protowire.Number = 315
	aggreDepths  protowire.Number = 313
	aggreDeals   protowire.Number = 314
	aggreTicker  protowire.Number = 315
	firstMessage protowire.Number = 301
)

var (
	errNoBody   = errors.New("protobuf: a message without content")
	errNoSymbol = errors.New("protobuf: a message without a symbol")
)

// each calls do with every field of a message: the bytes of those that have a length, the
// number of those that are one.
func each(b []byte, do func(n protowire.Number, v []byte, x uint64) error) error {
	for len(b) > 0 {
		n, t, size := protowire.ConsumeTag(b)
		if size < 0 {
			return fmt.Errorf("protobuf: %w", protowire.ParseError(size))
		}
		b = b[size:]
		var v []byte
		var x uint64
		switch t {
		case protowire.BytesType:
			v, size = protowire.ConsumeBytes(b)
		case protowire.VarintType:
			x, size = protowire.ConsumeVarint(b)
		default:
			size = protowire.ConsumeFieldValue(n, t, b)
		}
		if size < 0 {
			return fmt.Errorf("protobuf: field %d: %w", n, protowire.ParseError(size))
		}
		b = b[size:]
		if err := do(n, v, x); err != nil {
			return err
		}
	}
	return nil
}

// wrapper reads {channel,symbol,createTime,sendTime} and the one message in it.
func (f *feed) wrapper(frame []byte, out *market.Batch) error {
	var channel, symbol, body []byte
	var kind protowire.Number
	var at time.Time
	err := each(frame, func(n protowire.Number, v []byte, x uint64) error {
		switch {
		case n == inChannel:
			channel = v
		case n == inSymbol:
			symbol = v
		case n == inCreated && at.IsZero(), n == inSent && x != 0:
			at = millis(x)
		case n >= firstMessage:
			kind, body = n, v
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case kind == 0:
		return errNoBody
	case kind > lastKnown:
		venue.Say(out, market.Strange, "", string(symbol), "message of kind "+strconv.Itoa(int(kind))+" on "+string(channel))
		return nil
	case kind != deals && kind != ticker && kind != kline && kind < aggreDepths:
		return nil // private, or not asked for
	case len(symbol) == 0:
		return errNoSymbol
	}
	in := f.t.Find(symbol)
	switch kind {
	case deals, aggreDeals:
		return trades(body, in, out)
	case ticker, aggreTicker:
		return best(body, in, at, out)
	case aggreDepths:
		return depth(body, in, at, out)
	default:
		return candle(body, in, out)
	}
}

func millis(x uint64) time.Time {
	if x == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(x)).UTC()
}

// number reads a decimal; an empty one is 0.
func number(v []byte) (money.Decimal, error) {
	if len(v) == 0 {
		return money.Decimal{}, nil
	}
	return money.Parse(v)
}

// into puts a decimal where it belongs.
func into(d *money.Decimal, v []byte) (err error) {
	*d, err = number(v)
	return err
}

// trades reads 1: deals of {1 price, 2 quantity, 3 taker's side, 4 time, 5 id}.
func trades(body []byte, in *market.Instrument, out *market.Batch) error {
	return each(body, func(n protowire.Number, v []byte, _ uint64) error {
		if n != 1 {
			return nil
		}
		t := venue.Trade(out, in)
		err := each(v, func(n protowire.Number, v []byte, x uint64) error {
			switch n {
			case 1:
				return into(&t.Price.Decimal, v)
			case 2:
				return into(&t.Qty.Decimal, v)
			case 3:
				t.Side = side(int64(x))
			case 4:
				t.At = millis(x)
			case 5:
				t.ID = string(v)
			}
			return nil
		})
		if err == nil && t.Price.IsZero() {
			err = errors.New("protobuf: a trade without a price")
		}
		if t.Side == market.NoSide {
			venue.Say(out, market.Strange, market.Trades, in.Symbol, "trade without a known side")
		}
		return err
	})
}

// side is the taker's.
func side(n int64) market.Side {
	switch n {
	case 1:
		return market.Buy
	case 2:
		return market.Sell
	}
	return market.NoSide
}

// best reads {1 bid, 2 its quantity, 3 ask, 4 its quantity}.
func best(body []byte, in *market.Instrument, at time.Time, out *market.Batch) error {
	q := venue.Quote(out, in)
	q.At = at
	err := each(body, func(n protowire.Number, v []byte, _ uint64) error {
		switch n {
		case 1:
			return into(&q.Bid.Decimal, v)
		case 2:
			return into(&q.BidQty.Decimal, v)
		case 3:
			return into(&q.Ask.Decimal, v)
		case 4:
			return into(&q.AskQty.Decimal, v)
		}
		return nil
	})
	if err == nil && q.Bid.IsZero() && q.Ask.IsZero() {
		out.Quotes = out.Quotes[:len(out.Quotes)-1] // nobody offers anything
	}
	return err
}

// depth reads {1 asks, 2 bids, 4 first number, 5 last number}.
func depth(body []byte, in *market.Instrument, at time.Time, out *market.Batch) error {
	u := venue.Book(out, in)
	u.At = at
	// The sides come one after the other, each level as a field: they are read in two
	// passes, because levels of one side must lie together.
	err := each(body, func(n protowire.Number, v []byte, _ uint64) (err error) {
		switch n {
		case 4:
			u.First, err = strconv.ParseUint(string(v), 10, 64)
		case 5:
			u.Last, err = strconv.ParseUint(string(v), 10, 64)
		}
		return err
	})
	if err == nil && (u.First == 0 || u.Last == 0) {
		err = errors.New("protobuf: a change of a book without numbers")
	}
	if err == nil {
		u.Asks, err = levels(body, 1, out)
	}
	if err == nil {
		u.Bids, err = levels(body, 2, out)
	}
	return err
}

// levels reads the levels that stand in the fields of one number.
func levels(body []byte, field protowire.Number, out *market.Batch) ([]market.Level, error) {
	all := out.Levels()
	from := len(all)
	err := each(body, func(n protowire.Number, v []byte, _ uint64) error {
		if n != field {
			return nil
		}
		var l market.Level
		err := each(v, func(n protowire.Number, v []byte, _ uint64) error {
			switch n {
			case 1:
				return into(&l.Price.Decimal, v)
			case 2:
				return into(&l.Qty.Decimal, v)
			}
			return nil
		})
		all = append(all, l)
		return err
	})
	return out.KeepLevels(all, from), err
}

// candle reads {1 interval, 2 start in seconds, 3 open, 4 close, 5 high, 6 low, 7 volume,
// 8 amount in quote, 9 end}.
func candle(body []byte, in *market.Instrument, out *market.Batch) error {
	k := venue.Candle(out, in, "", time.Time{})
	name := ""
	err := each(body, func(n protowire.Number, v []byte, x uint64) error {
		switch n {
		case 1:
			name = string(v)
		case 2:
			if x != 0 {
				k.Open = time.Unix(int64(x), 0).UTC()
			}
		case 3:
			return into(&k.O.Decimal, v)
		case 4:
			return into(&k.C.Decimal, v)
		case 5:
			return into(&k.H.Decimal, v)
		case 6:
			return into(&k.L.Decimal, v)
		case 7:
			return into(&k.Volume.Decimal, v)
		case 8:
			return into(&k.Turnover, v)
		}
		return nil
	})
	return named(k, name, err, in, out)
}

// named gives a bar its interval; one of an interval that is not read is left out.
func named(k *market.Candle, name string, err error, in *market.Instrument, out *market.Batch) error {
	if err == nil && (k.Open.IsZero() || k.O.IsZero()) {
		err = errors.New("a candle without a start or a price")
	}
	if k.Interval = venue.IntervalOf(streamed, name); k.Interval == "" {
		out.Candles = out.Candles[:len(out.Candles)-1]
		venue.Say(out, market.Strange, market.Candles, in.Symbol, "candles of "+name)
	}
	return err
}
