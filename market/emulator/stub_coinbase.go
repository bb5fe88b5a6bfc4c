package emulator

import "time"

type coinbase struct{ v *Venue }

func (x *coinbase) rules() rules                     { return rules{} }
func (x *coinbase) symbol(l *listing) string         { return string(l.pair) }
func (x *coinbase) streams(path string) bool         { return false }
func (x *coinbase) open(c *conn)                     {}
func (x *coinbase) receive(c *conn, text []byte)     {}
func (x *coinbase) happen(t *topic, e *event)        {}
func (x *coinbase) beat(t *topic, at time.Time)      {}
func (x *coinbase) rest(q *query) reply              { return reply{} }
func (x *coinbase) cost(q *query) (string, int)      { return "", 1 }
func (x *coinbase) refuse(q *query, r refusal) reply { return reply{} }
func (x *coinbase) strange(enum bool) []byte         { return nil }
func (x *coinbase) farewell(c *conn) time.Duration   { return 0 }
