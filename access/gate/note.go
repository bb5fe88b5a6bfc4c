package gate

import (
	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/rotation"
)

// Deed is what somebody did that is no change of keys, for the audit log. It names
// people by their ids, never by an address: the log is not edited later.
type Deed struct {
	Actor   string // who did it
	Org     string // whose log it is in; "" is only the installation's
	Subject string // to whom or to what
	Action  string // such as member.added
	Detail  map[string]string
}

// Note writes deeds into the audit log in the transaction that does them.
func (g *Gate) Note(tx access.Tx, deeds ...Deed) error {
	for _, d := range deeds {
		err := g.journal(tx, By{Name: d.Actor}, &access.Ring{ID: d.Subject, Org: d.Org}, []rotation.Event{{Type: d.Action, Detail: d.Detail}}, g.moment())
		if err != nil {
			return err
		}
	}
	return nil
}
