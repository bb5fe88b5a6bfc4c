package emulator

import "time"

type bitstamp struct{ v *Venue }

func (x *bitstamp) rules() rules                     { return rules{} }
func (x *bitstamp) symbol(l *listing) string         { return string(l.pair) }
func (x *bitstamp) streams(path string) bool         { return false }
func (x *bitstamp) open(c *conn)                     {}
func (x *bitstamp) receive(c *conn, text []byte)     {}
func (x *bitstamp) happen(t *topic, e *event)        {}
func (x *bitstamp) beat(t *topic, at time.Time)      {}
func (x *bitstamp) rest(q *query) reply              { return reply{} }
func (x *bitstamp) cost(q *query) (string, int)      { return "", 1 }
func (x *bitstamp) refuse(q *query, r refusal) reply { return reply{} }
func (x *bitstamp) strange(enum bool) []byte         { return nil }
func (x *bitstamp) farewell(c *conn) time.Duration   { return 0 }
