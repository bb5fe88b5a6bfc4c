// Package vault keeps secrets in HashiCorp Vault or OpenBao, in a key-value engine of
// version 2, and logs in there with AppRole.
//
// One secret is one key-value entry, at <mount>/data/<prefix><name>, with these fields,
// all texts; an absent version has no fields:
//
//	current   current_id    what is to be used
//	previous  previous_id   what was current before
//	pending   pending_id    written, not yet tested
//
// So one write changes all stages at once, and check-and-set makes a change fail when
// another came between. An entry that was written by hand with only `current` is read
// too. When a name comes into being its metadata is set to max_versions=1 and
// cas_required=true: without this Vault would keep retired and discarded values in
// earlier versions of the entry. The policy that is needed:
//
//	path "<mount>/data/<prefix>*"     { capabilities = ["read", "create", "update"] }
//	path "<mount>/metadata/<prefix>*" { capabilities = ["create", "update"] }
//	path "auth/token/renew-self"      { capabilities = ["update"] }
//
// of which a reader needs only the first with "read". The layout and the calls are those
// of developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2 and auth/approle.
//
// It keeps the login token in memory, never a value, and starts no goroutine: a token is
// renewed by the call that finds it old. No environment variable is read. The app opens it.
package vault

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/assayhq/assay/access/secret"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/internal/capped"
	"github.com/hashicorp/vault/api"
)

// attempts is how often a change is tried anew when another one came between.
const attempts = 8

// Options tell where the vault is and who we are.
type Options struct {
	Address   string // such as https://vault.internal:8200
	Namespace string // of Vault Enterprise or OpenBao; none when empty
	Mount     string // of the key-value engine; `secret` when empty
	Prefix    string // before every name, such as `assay/`; may be empty

	// RoleID and SecretID log in with AppRole, at AppRole, `approle` when empty.
	RoleID   string
	SecretID secret.Value
	AppRole  string
	// Token is used instead when RoleID is empty. It is never renewed.
	Token secret.Value

	// HTTP carries the requests; one with a time-out of 10 s when nil. It holds the TLS
	// settings, such as a private root.
	HTTP *http.Client
	// Now is the clock for the age of the token; time.Now when nil.
	Now func() time.Time
}

// Vault is one such keeper. It is a secret.Writer, safe for use by many at once.
type Vault struct {
	api     *api.Client
	mount   string
	prefix  string
	session *session
}

// Open checks the options. It asks nothing of the vault: the first call logs in.
func Open(o Options) (*Vault, error) {
	u, err := url.Parse(o.Address)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, fault.At(fault.Invalid, "address", "the vault's address is to be like https://vault.internal:8200")
	}
	if (o.RoleID == "") == o.Token.Empty() || o.RoleID != "" && o.SecretID.Empty() {
		return nil, fault.New(fault.Invalid, "the vault needs either a role id with its secret id, or a token")
	}
	if o.Mount == "" {
		o.Mount = "secret"
	}
	if o.AppRole == "" {
		o.AppRole = "approle"
	}
	o.Prefix = strings.TrimSuffix(o.Prefix, "/")
	for _, p := range []struct{ field, path string }{{"mount", o.Mount}, {"approle", o.AppRole}, {"prefix", o.Prefix}, {"namespace", strings.TrimSuffix(o.Namespace, "/")}} {
		if p.path == "" {
			continue
		}
		if err := secret.CheckName(p.path); err != nil {
			return nil, fault.At(fault.Invalid, p.field, "the vault's %s is to be a path without a / at its ends", p.field)
		}
	}
	if o.Prefix != "" {
		o.Prefix += "/"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	c, err := client(o)
	if err != nil {
		return nil, err
	}
	return &Vault{api: c, mount: o.Mount, prefix: o.Prefix, session: newSession(c, o)}, nil
}

// client makes the API's client without what it would take from the environment.
func client(o Options) (*api.Client, error) {
	carrier := http.Client{Timeout: 10 * time.Second}
	if o.HTTP != nil {
		carrier = *o.HTTP
	}
	if carrier.Transport == nil {
		carrier.Transport = http.DefaultTransport
	}
	carrier.Transport = capped.Transport(carrier.Transport, maxAnswer)
	carrier.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse } // the API follows the one to the active node itself
	c, err := api.NewClient(&api.Config{
		Address: o.Address, HttpClient: &carrier,
		MaxRetries: 2, MinRetryWait: 50 * time.Millisecond, MaxRetryWait: time.Second,
	})
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "the vault's client cannot be made")
	}
	c.ClearToken()
	c.SetHeaders(http.Header{api.RequestHeaderName: {"true"}}) // Vault's guard against forged requests
	if o.Namespace != "" {
		c.SetNamespace(o.Namespace)
	}
	return c, nil
}

// Read gives the versions of a secret.
func (v *Vault) Read(ctx context.Context, name string) (secret.Versions, error) {
	if err := secret.CheckName(name); err != nil {
		return secret.Versions{}, err
	}
	e, err := v.get(ctx, name)
	if err != nil {
		return secret.Versions{}, err
	}
	if !e.versions.Present() {
		return secret.Versions{}, unknown(name)
	}
	return e.versions, nil
}

// WritePending keeps a value as pending.
func (v *Vault) WritePending(ctx context.Context, name string, value secret.Value) (string, error) {
	if err := value.Check(); err != nil {
		return "", err
	}
	var id string
	fresh := secret.NewID() // one for all attempts: a lost answer does not make two versions
	err := v.change(ctx, name, func(s secret.Versions) (next secret.Versions, err error) {
		next, id, err = s.WithPending(value, fresh)
		return next, err
	})
	return id, err
}

// Promote makes the pending version current.
func (v *Vault) Promote(ctx context.Context, name, version string) error {
	return v.change(ctx, name, func(s secret.Versions) (secret.Versions, error) {
		if !s.Present() {
			return s, unknown(name)
		}
		return s.Promoted(version)
	})
}

// Discard forgets the pending version.
func (v *Vault) Discard(ctx context.Context, name, version string) error {
	return v.change(ctx, name, func(s secret.Versions) (secret.Versions, error) {
		if !s.Present() {
			return s, unknown(name)
		}
		return s.Discarded(version)
	})
}

func unknown(name string) error { return fault.New(fault.Unknown, "the vault has no secret %s", name) }

// change reads, changes and writes with check-and-set, anew when another write won.
func (v *Vault) change(ctx context.Context, name string, do func(secret.Versions) (secret.Versions, error)) error {
	if err := secret.CheckName(name); err != nil {
		return err
	}
	for range attempts {
		e, err := v.get(ctx, name)
		if err != nil {
			return err
		}
		next, err := do(e.versions)
		if err != nil {
			return err
		}
		if next.Current.ID == e.versions.Current.ID && next.Pending.ID == e.versions.Pending.ID {
			return nil // an id never changes its value, so nothing changed
		}
		won, err := v.put(ctx, name, next, e.cas)
		if won || err != nil {
			return err
		}
	}
	return fault.New(fault.Conflict, "the secret %s was changed by others %d times meanwhile: try again", name, attempts)
}

// entry is what the engine holds under one name.
type entry struct {
	versions secret.Versions
	cas      int64 // the engine's number of the version, 0 when it has none
}

// get reads an entry; one that is not there, or was deleted, has no versions.
func (v *Vault) get(ctx context.Context, name string) (entry, error) {
	var out *api.Secret
	err := v.session.do(ctx, "read the secret "+name, func(c *api.Client) (err error) {
		out, err = c.Logical().ReadWithContext(ctx, v.mount+"/data/"+v.prefix+name)
		return err
	})
	if err != nil || out == nil {
		return entry{}, err
	}
	meta, _ := out.Data["metadata"].(map[string]any)
	n, _ := meta["version"].(json.Number)
	var e entry
	if e.cas, err = n.Int64(); err != nil {
		return entry{}, fault.New(fault.Invalid, "the mount %s is no key-value engine of version 2: its answer has no version", v.mount)
	}
	fields, _ := out.Data["data"].(map[string]any)
	e.versions, err = decode(fields)
	if err != nil {
		return entry{}, fault.Wrap(fault.Internal, err, "the vault's entry of %s has another layout", name)
	}
	return e, nil
}

// put writes an entry if its version is still cas; won is false when it is not.
func (v *Vault) put(ctx context.Context, name string, s secret.Versions, cas int64) (won bool, err error) {
	if cas == 0 {
		err := v.session.do(ctx, "set the metadata of the secret "+name, func(c *api.Client) error {
			_, err := c.Logical().WriteWithContext(ctx, v.mount+"/metadata/"+v.prefix+name, map[string]any{"max_versions": 1, "cas_required": true})
			return err
		})
		if err != nil {
			return false, err
		}
	}
	err = v.session.do(ctx, "write the secret "+name, func(c *api.Client) error {
		_, err := c.Logical().WriteWithContext(ctx, v.mount+"/data/"+v.prefix+name, map[string]any{
			"options": map[string]any{"cas": cas},
			"data":    encode(s),
		})
		return err
	})
	if fault.Of(err) == fault.Conflict {
		return false, nil
	}
	return err == nil, err
}
