package people

import (
	"context"
	"slices"

	"github.com/assayhq/assay/access"
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
	SeeUsage      Action = "usage:see"      // usage, limits, key names and members
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

// Scopes are the most that a key made by somebody of a role may have. What is for the
// whole installation, and what would let a key give itself more, no role has.
func (r Role) Scopes() []access.Scope {
	out := access.Presets()["read-only"]
	switch r {
	case Owner, Admin:
		out = nil
		for s := range access.Scopes() {
			if s != access.KeysGrant && s != access.Ops && s != access.Admin {
				out = append(out, s)
			}
		}
	case Developer:
		out = append(out, access.UsageRead, access.KeysRead, access.KeysRotate, access.WebhooksWrite)
	case Viewer:
		out = append(out, access.UsageRead)
	default:
		return nil
	}
	slices.Sort(out)
	return out
}

const maxMembers = 500

type org struct {
	ID      string          `json:"id"`
	Name    string          `json:"name"`
	Members map[string]Role `json:"members"` // by account
	Invites []invite        `json:"invites,omitempty"`
}

func noOrg() error { return fault.At(fault.Unknown, "org", "there is no such organisation") }

// Allow tells whether an account may do a in an organisation. Who is no member gets
// the same fault.Unknown as for an organisation that does not exist; a member whose
// role does not allow it gets fault.Denied.
func (p *People) Allow(ctx context.Context, id, orgID string, a Action) error {
	_, err := p.org(ctx, id, orgID, a)
	return err
}

func (o *org) owned() error {
	for _, m := range o.Members {
		if m == Owner {
			return nil
		}
	}
	return fault.New(fault.Conflict, "an organisation needs an owner: make somebody else owner first")
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

// SetRole changes the role of a member, or with the empty role removes him. Keys that a
// member has made stay: they belong to the organisation. Rights and the last owner are checked against the stored members in the
// same step as they are changed.
func (p *People) SetRole(ctx context.Context, by, orgID, who string, r Role) error {
	if _, ok := may[r]; !ok && r != "" {
		return fault.At(fault.Invalid, "role", "the role must be owner, admin, developer or viewer")
	}
	ev := Event{Action: "member.role_changed", Actor: by, Org: orgID, Subject: who, Detail: map[string]string{"role": string(r)}}
	if r == "" {
		ev.Action, ev.Detail = "member.removed", nil
	}
	_, err := update(ctx, p.o.Store, kindOrg, orgID, func(o *org) error {
		was := o.Members[who]
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
		if was == "" {
			return fault.At(fault.Unknown, "member", "there is no such member: invite people who are none yet")
		}
		if r == "" {
			delete(o.Members, who)
		} else {
			o.Members[who] = r
		}
		return o.owned()
	}, ev)
	if err != nil || r != "" {
		return orgless(err)
	}
	_, err = update(ctx, p.o.Store, kindAccount, who, func(a *account) error {
		a.Orgs = slices.DeleteFunc(a.Orgs, func(o string) bool { return o == orgID })
		return nil
	})
	if fault.Of(err) == fault.Unknown {
		return nil // the account is gone
	}
	return err
}
