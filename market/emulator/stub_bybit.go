package emulator

import "time"

type bybit struct{ v *Venue }

func (x *bybit) rules() rules                     { return rules{} }
func (x *bybit) symbol(l *listing) string         { return string(l.pair) }
func (x *bybit) streams(path string) bool         { return false }
func (x *bybit) open(c *conn)                     {}
func (x *bybit) receive(c *conn, text []byte)     {}
func (x *bybit) happen(t *topic, e *event)        {}
func (x *bybit) beat(t *topic, at time.Time)      {}
func (x *bybit) rest(q *query) reply              { return reply{} }
func (x *bybit) cost(q *query) (string, int)      { return "", 1 }
func (x *bybit) refuse(q *query, r refusal) reply { return reply{} }
func (x *bybit) strange(enum bool) []byte         { return nil }
func (x *bybit) farewell(c *conn) time.Duration   { return 0 }
