package emulator

import "time"

type coinbaseExchange struct{ v *Venue }

func (x *coinbaseExchange) rules() rules                     { return rules{} }
func (x *coinbaseExchange) symbol(l *listing) string         { return string(l.pair) }
func (x *coinbaseExchange) streams(path string) bool         { return false }
func (x *coinbaseExchange) open(c *conn)                     {}
func (x *coinbaseExchange) receive(c *conn, text []byte)     {}
func (x *coinbaseExchange) happen(t *topic, e *event)        {}
func (x *coinbaseExchange) beat(t *topic, at time.Time)      {}
func (x *coinbaseExchange) rest(q *query) reply              { return reply{} }
func (x *coinbaseExchange) cost(q *query) (string, int)      { return "", 1 }
func (x *coinbaseExchange) refuse(q *query, r refusal) reply { return reply{} }
func (x *coinbaseExchange) strange(enum bool) []byte         { return nil }
func (x *coinbaseExchange) farewell(c *conn) time.Duration   { return 0 }
