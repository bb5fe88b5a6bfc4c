package people

import (
	"context"
	"crypto/rand"
	"slices"
	"strings"
	"time"

	"github.com/assayhq/assay/fault"
)

// invite lets whoever has its code become a member.
type invite struct {
	ID      string    `json:"id"`
	Digest  string    `json:"digest"` // of the secret
	Role    Role      `json:"role"`
	Email   string    `json:"email,omitempty"` // only an account with this address may take it
	By      string    `json:"by"`
	Expires time.Time `json:"expires"`
}

// Invitation is an invitation that was not taken yet.
type Invitation struct {
	ID      string
	Role    Role
	Email   string // "": whoever has the code
	By      string
	Expires time.Time
	// Code is given once, to whoever made an invitation without an address: secret.
	Code string
}

// String hides the code.
func (i Invitation) String() string { return "invitation " + i.ID }

// GoString hides the code.
func (i Invitation) GoString() string { return i.String() }

const (
	maxInvites = 50 // open ones of an organisation
	maxOrgs    = 50 // of an account
)

// granting is what somebody must be allowed to do to give or take a role.
func granting(r Role) Action {
	if r == Owner {
		return ManageOwners
	}
	return ManageMembers
}

// Invite makes an invitation. With an address a letter has its code, and only an account
// with that address can take it; without one the code is given back, for whoever gets
// it. Whether the address has an account is not told. It works once, within a week, and
// only while whoever made it may still give the role.
func (p *People) Invite(ctx context.Context, by, orgID, email string, r Role) (Invitation, error) {
	if _, ok := may[r]; !ok {
		return Invitation{}, fault.At(fault.Invalid, "role", "the role must be owner, admin, developer or viewer")
	}
	var err error
	if email != "" {
		if email, err = address(email); err != nil {
			return Invitation{}, err
		}
	}
	if err := p.Allow(ctx, by, orgID, granting(r)); err != nil {
		return Invitation{}, err
	}
	now := p.o.Now()
	if err := p.prefixes.enter(now, "invite "+orgID); err != nil {
		return Invitation{}, err // never forgiven: letters are sent to people who may not have asked
	}
	if email != "" {
		if err := p.pairs.enter(now, "letter "+digest(email)); err != nil {
			return Invitation{}, err
		}
	}
	key := secret()
	x := invite{ID: "inv_" + rand.Text(), Digest: digest(key), Role: r, Email: email, By: by, Expires: now.Add(p.o.Invite)}
	_, err = update(ctx, p.o.Store, kindOrg, orgID, func(o *org) error {
		if err := o.allow(by, granting(r)); err != nil {
			return err
		}
		o.Invites = slices.DeleteFunc(o.Invites, func(i invite) bool { return !now.Before(i.Expires) })
		if len(o.Invites) >= maxInvites {
			return fault.New(fault.Exhausted, "an organisation has at most %d open invitations: withdraw some", maxInvites)
		}
		if len(o.Members) >= maxMembers {
			return fault.New(fault.Exhausted, "an organisation has at most %d members", maxMembers)
		}
		o.Invites = append(o.Invites, x)
		return nil
	}, Event{Action: "member.invited", Actor: by, Org: orgID, Subject: x.ID, Detail: map[string]string{"role": string(r)}})
	if err != nil {
		return Invitation{}, err
	}
	out := Invitation{ID: x.ID, Role: r, Email: email, By: by, Expires: x.Expires}
	code := orgID + "." + key
	if email == "" {
		out.Code = code
		return out, nil
	}
	return out, p.o.Mail(ctx, Letter{To: email, Kind: "invite", Token: code, Org: orgID})
}

// Invitations lists the open ones.
func (p *People) Invitations(ctx context.Context, by, orgID string) (out []Invitation, err error) {
	o, err := p.org(ctx, by, orgID, ManageMembers)
	if err != nil {
		return nil, err
	}
	for _, x := range o.Invites {
		if p.o.Now().Before(x.Expires) {
			out = append(out, Invitation{ID: x.ID, Role: x.Role, Email: x.Email, By: x.By, Expires: x.Expires})
		}
	}
	return out, nil
}

// Withdraw takes an invitation back.
func (p *People) Withdraw(ctx context.Context, by, orgID, id string) error {
	_, err := update(ctx, p.o.Store, kindOrg, orgID, func(o *org) error {
		if err := o.allow(by, ManageMembers); err != nil {
			return err
		}
		n := len(o.Invites)
		o.Invites = slices.DeleteFunc(o.Invites, func(i invite) bool { return i.ID == id })
		if len(o.Invites) == n {
			return fault.At(fault.Unknown, "invitation", "there is no such invitation")
		}
		return nil
	}, Event{Action: "member.invitation_withdrawn", Actor: by, Org: orgID, Subject: id})
	return orgless(err)
}

// Join makes an account a member with the code of an invitation, and gives the
// organisation. All failures of the code are one.
func (p *People) Join(ctx context.Context, id, code string) (Membership, error) {
	bad := fault.At(fault.Unauthentic, "code", "this invitation is not known, is for another address, was used or has expired: ask for a new one")
	if err := p.pairs.enter(p.o.Now(), "join "+id); err != nil {
		return Membership{}, err
	}
	orgID, key, ok := strings.Cut(code, ".")
	if !ok || len(code) > 256 || !strings.HasPrefix(orgID, "org_") {
		return Membership{}, bad
	}
	o, _, err := read[org](ctx, p.o.Store, kindOrg, orgID)
	if err != nil {
		if fault.Of(err) == fault.Unknown || fault.Of(err) == fault.Invalid {
			return Membership{}, bad
		}
		return Membership{}, err
	}
	now, sum := p.o.Now(), digest(key)
	find := func(o *org, email string) int {
		return slices.IndexFunc(o.Invites, func(i invite) bool {
			return i.Digest == sum && now.Before(i.Expires) && (i.Email == "" || i.Email == email) && o.allow(i.By, granting(i.Role)) == nil
		})
	}
	// The account first: an organisation in its list that does not know it is nothing,
	// and the other way round nobody could leave.
	a, err := update(ctx, p.o.Store, kindAccount, id, func(a *account) error {
		switch {
		case find(&o, a.Email) < 0:
			return bad
		case slices.Contains(a.Orgs, orgID):
		case len(a.Orgs) >= maxOrgs:
			return fault.New(fault.Exhausted, "an account is in at most %d organisations: leave one", maxOrgs)
		default:
			a.Orgs = append(a.Orgs, orgID)
		}
		return nil
	})
	if err != nil {
		return Membership{}, err
	}
	o, err = update(ctx, p.o.Store, kindOrg, orgID, func(o *org) error {
		i := find(o, a.Email)
		switch {
		case i < 0:
			return bad
		case o.Members[id] != "":
			return fault.New(fault.Conflict, "you are a member already")
		case len(o.Members) >= maxMembers:
			return fault.New(fault.Exhausted, "an organisation has at most %d members", maxMembers)
		}
		o.Members[id] = o.Invites[i].Role
		o.Invites = slices.Delete(o.Invites, i, i+1)
		return nil
	}, Event{Action: "member.joined", Actor: id, Org: orgID, Subject: id})
	if err != nil {
		return Membership{}, err
	}
	p.pairs.forget("join " + id)
	return Membership{Org: orgID, Name: o.Name, Role: o.Members[id]}, nil
}

// Member is somebody in an organisation.
type Member struct {
	Account string
	Email   string
	Role    Role
}

// Members lists who is in an organisation, to its members, in order of role and address.
func (p *People) Members(ctx context.Context, by, orgID string) ([]Member, error) {
	o, err := p.org(ctx, by, orgID, SeeUsage)
	if err != nil {
		return nil, err
	}
	var out []Member
	for id, r := range o.Members {
		a, _, err := read[account](ctx, p.o.Store, kindAccount, id)
		if err != nil && fault.Of(err) != fault.Unknown {
			return nil, err
		}
		out = append(out, Member{id, a.Email, r})
	}
	order := []Role{Owner, Admin, Developer, Viewer}
	slices.SortFunc(out, func(a, b Member) int {
		if d := slices.Index(order, a.Role) - slices.Index(order, b.Role); d != 0 {
			return d
		}
		return strings.Compare(a.Email+a.Account, b.Email+b.Account)
	})
	return out, nil
}

// Membership is an organisation as one of its members sees it.
type Membership struct {
	Org  string
	Name string
	Role Role
}

// Role gives what an account is in an organisation; the same fault.Unknown for one it is
// not in and for one that there is not.
func (p *People) Role(ctx context.Context, id, orgID string) (Role, error) {
	o, err := p.org(ctx, id, orgID, SeeUsage)
	return o.Members[id], err
}

func (p *People) org(ctx context.Context, id, orgID string, a Action) (org, error) {
	o, _, err := read[org](ctx, p.o.Store, kindOrg, orgID)
	if err != nil {
		return org{}, orgless(err)
	}
	if err := o.allow(id, a); err != nil {
		return org{}, err
	}
	return o, nil
}

// orgless says that there is no such organisation when the store has none, or can have
// none of that name.
func orgless(err error) error {
	if err != nil && (fault.Of(err) == fault.Unknown || fault.Of(err) == fault.Invalid) && (fault.Field(err) == "" || fault.Field(err) == "id") {
		return noOrg()
	}
	return err
}
