package emulator

import "time"

type kraken struct{ v *Venue }

func (x *kraken) rules() rules                     { return rules{} }
func (x *kraken) symbol(l *listing) string         { return string(l.pair) }
func (x *kraken) streams(path string) bool         { return false }
func (x *kraken) open(c *conn)                     {}
func (x *kraken) receive(c *conn, text []byte)     {}
func (x *kraken) happen(t *topic, e *event)        {}
func (x *kraken) beat(t *topic, at time.Time)      {}
func (x *kraken) rest(q *query) reply              { return reply{} }
func (x *kraken) cost(q *query) (string, int)      { return "", 1 }
func (x *kraken) refuse(q *query, r refusal) reply { return reply{} }
func (x *kraken) strange(enum bool) []byte         { return nil }
func (x *kraken) farewell(c *conn) time.Duration   { return 0 }
