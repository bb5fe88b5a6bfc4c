package people

import (
	"context"
	"slices"

	"github.com/assayhq/assay/fault"
)

// Role is what somebody is in an organisation.
type Role string

// The roles, from most to least.
const (
	Owner     Role = "owner"
	Admin     Role = "admin"
	Developer Role = "developer"
	Viewer    Role = "viewer"
)

// Action is something that can be done in the console.
type Action string

// The actions.
const (
	SeeUsage      Action = "usage:see"      // usage, limits and key names
	ManageKeys    Action = "keys:manage"    // make, rotate and revoke keys
	ManageHooks   Action = "hooks:manage"   // webhook endpoints and their secrets
	ManageApps    Action = "apps:manage"    // make and remove apps
	SeeAudit      Action = "audit:see"      // the audit log
	ManageMembers Action = "members:manage" // add, remove and change members, not owners
	ManagePlan    Action = "plan:manage"    // plan and payment
	ManageOwners  Action = "owners:manage"  // make and unmake owners
	DeleteOrg     Action = "org:delete"
)

// may is the whole policy: what is not listed is refused.
var may = map[Role][]Action{
	Owner:     {SeeUsage, ManageKeys, ManageHooks, ManageApps, SeeAudit, ManageMembers, ManagePlan, ManageOwners, DeleteOrg},
	Admin:     {SeeUsage, ManageKeys, ManageHooks, ManageApps, SeeAudit, ManageMembers},
	Developer: {SeeUsage, ManageKeys, ManageHooks},
	Viewer:    {SeeUsage},
}

// May tells whether a role may do a.
func (r Role) May(a Action) bool { return slices.Contains(may[r], a) }

// Actions lists what a role may do, for help texts.
func (r Role) Actions() []Action { return slices.Clone(may[r]) }

const maxMembers = 500

type org struct {
	ID      string          `json:"id"`
	Name    string          `json:"name"`
	Members map[string]Role `json:"members"` // by account
}

func noOrg() error { return fault.At(fault.Unknown, "org", "there is no such organisation") }

// Allow tells whether an account may do a in an organisation. Who is no member gets
// the same fault.Unknown as for an organisation that does not exist; a member whose
// role does not allow it gets fault.Denied.
func (p *People) Allow(ctx context.Context, id, orgID string, a Action) error {
	o, _, err := read[org](ctx, p.o.Store, kindOrg, orgID)
	if err != nil {
		if fault.Of(err) == fault.Unknown {
			return noOrg()
		}
		return err
	}
	return o.allow(id, a)
}

func (o *org) allow(id string, a Action) error {
	r, ok := o.Members[id]
	if !ok {
		return noOrg()
	}
	if !r.May(a) {
		return fault.New(fault.Denied, "a %s may not do this (%s): ask an owner", r, a)
	}
	return nil
}

// SetRole makes who a member with a role, changes the role, or with the empty role
// removes who. Rights and the last owner are checked against the stored members in the
// same step as they are changed.
func (p *People) SetRole(ctx context.Context, by, orgID, who string, r Role) error {
	if _, ok := may[r]; !ok && r != "" {
		return fault.At(fault.Invalid, "role", "the role must be owner, admin, developer or viewer")
	}
	d := Deed{Action: "member.role_changed", Actor: by, Org: orgID, Subject: who, Detail: map[string]string{}}
	_, err := update(deed(ctx, d), p.o.Store, kindOrg, orgID, func(o *org) error {
		was := o.Members[who]
		d.Detail["from"], d.Detail["to"] = string(was), string(r)
		switch {
		case r == "" && by == who && was != "": // everybody may leave
		case was == Owner || r == Owner:
			if err := o.allow(by, ManageOwners); err != nil {
				return err
			}
		default:
			if err := o.allow(by, ManageMembers); err != nil {
				return err
			}
		}
		if was == "" && r == "" {
			return fault.At(fault.Unknown, "member", "there is no such member")
		}
		if was == "" {
			if len(o.Members) >= maxMembers {
				return fault.New(fault.Exhausted, "an organisation has at most %d members", maxMembers)
			}
			if _, _, err := p.o.Store.Get(ctx, kindAccount, who); err != nil {
				return err
			}
		}
		if r == "" {
			delete(o.Members, who)
		} else {
			o.Members[who] = r
		}
		for _, m := range o.Members {
			if m == Owner {
				return nil
			}
		}
		return fault.New(fault.Conflict, "an organisation needs an owner: make somebody else owner first")
	})
	if err != nil && fault.Of(err) == fault.Unknown && fault.Field(err) == "" {
		return noOrg()
	}
	return err
}
