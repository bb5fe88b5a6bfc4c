package emulator

import "time"

type okx struct{ v *Venue }

func (x *okx) rules() rules                     { return rules{} }
func (x *okx) symbol(l *listing) string         { return string(l.pair) }
func (x *okx) streams(path string) bool         { return false }
func (x *okx) open(c *conn)                     {}
func (x *okx) receive(c *conn, text []byte)     {}
func (x *okx) happen(t *topic, e *event)        {}
func (x *okx) beat(t *topic, at time.Time)      {}
func (x *okx) rest(q *query) reply              { return reply{} }
func (x *okx) cost(q *query) (string, int)      { return "", 1 }
func (x *okx) refuse(q *query, r refusal) reply { return reply{} }
func (x *okx) strange(enum bool) []byte         { return nil }
func (x *okx) farewell(c *conn) time.Duration   { return 0 }
