package zztry

import (
	"github.com/assayhq/assay/internal/capture"
	"github.com/assayhq/assay/market"
)

// Tape plays recorded records through an Intake, as if they came now.
type Tape struct {
	Intake *Intake
	empty  market.Batch
}

// Play takes one record and gives what may be published of it. Records that are
// no messages give an empty batch.
func (t *Tape) Play(rec *capture.Record) (*market.Batch, error) {
	k := t.Intake
	t.empty.Reset()
	switch rec.Kind {
	case capture.Connect:
		if _, ok := k.Conn(rec.Conn); ok {
			c, _ := k.Conn(rec.Conn)
			out := c.Close(rec.At, "the recording opened the connection again")
			_, err := k.Connect(rec.Conn, rec.Addr, rec.At)
			return out, err
		}
		_, err := k.Connect(rec.Conn, rec.Addr, rec.At)
		return &t.empty, err
	case capture.Disconnect:
		if c, ok := k.Conn(rec.Conn); ok {
			return c.Close(rec.At, "the connection was closed"), nil
		}
	case capture.Recv:
		c, ok := k.Conn(rec.Conn)
		if !ok { // recordings of some tools have no connect records
			var err error
			if c, err = k.Connect(rec.Conn, rec.Addr, rec.At); err != nil {
				return &t.empty, err
			}
		}
		return c.Frame(rec.Data, rec.At, rec.Line)
	case capture.HTTP:
		return k.HTTP(rec.URL, rec.Data, rec.At, rec.Line)
	}
	return &t.empty, nil
}
