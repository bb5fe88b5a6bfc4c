package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/assayhq/assay/access/secret"
	"github.com/assayhq/assay/access/secret/awssm"
	"github.com/assayhq/assay/access/secret/env"
	"github.com/assayhq/assay/access/secret/file"
	"github.com/assayhq/assay/access/secret/vault"
	"github.com/assayhq/assay/fault"
)

// Keeper is where secrets are kept, as an address in the settings names it.
type Keeper struct {
	Kind string // file, env, vault, awssm, or store for the control plane itself
	secret.Reader
	// Writer is nil when the keeper can only be read.
	Writer secret.Writer
}

// keeperForms are shown where an address is wrong.
const keeperForms = "file:PATH?identity=PATH, env:, vault:https://HOST:8200/MOUNT/PREFIX or awssm:REGION/PREFIX"

// openKeeper makes a keeper of an address. The address holds no credentials: those come
// from the environment. It asks nothing of the network.
func openKeeper(field, address, data string) (Keeper, error) {
	kind, rest, ok := strings.Cut(address, ":")
	if !ok {
		return Keeper{}, fault.At(fault.Invalid, field, "%q is no address of a keeper of secrets; write %s", clipped(address), keeperForms)
	}
	path, query, _ := strings.Cut(rest, "?")
	opt, err := url.ParseQuery(query)
	if err != nil {
		return Keeper{}, fault.At(fault.Invalid, field, "what follows ? cannot be read; write %s", keeperForms)
	}
	known := map[string][]string{"file": {"identity"}, "env": nil, "vault": {"mount", "namespace", "approle", "as", "ca"}, "awssm": {"endpoint", "as"}}
	names, there := known[kind]
	if !there {
		return Keeper{}, fault.At(fault.Invalid, field, "there is no keeper of secrets %q; write %s", clipped(kind), keeperForms)
	}
	for name, values := range opt {
		if !slices.Contains(names, name) || len(values) != 1 {
			return Keeper{}, fault.At(fault.Invalid, field, "a keeper of the kind %s has no option %q, or it is there twice; it has: %s", kind, clipped(name), strings.Join(names, ", "))
		}
	}
	k := Keeper{Kind: kind}
	switch kind {
	case "file":
		f, err := openFile(path, opt.Get("identity"), data)
		if err != nil {
			return k, err
		}
		k.Reader, k.Writer = f, f
	case "env":
		if path != "" {
			return k, fault.At(fault.Invalid, field, "env: has nothing behind the colon; the secret `pepper` is the variable %sPEPPER", env.Prefix)
		}
		k.Reader = env.New(env.Options{})
	case "vault":
		v, err := openVault(field, path, opt)
		if err != nil {
			return k, err
		}
		k.Reader, k.Writer = v, v
	case "awssm":
		a, err := openAWS(field, path, opt)
		if err != nil {
			return k, err
		}
		k.Reader, k.Writer = a, a
	}
	return k, nil
}

func clipped(s string) string { return s[:min(len(s), 60)] }

// openFile opens a file that is made when it is written first. The identity that opens it
// lies beside it unless another place is named.
func openFile(path, identity, data string) (*file.File, error) {
	if path == "" {
		path = filepath.Join(data, "secrets.age")
	}
	if identity == "" {
		identity = strings.TrimSuffix(path, ".age") + ".key"
	}
	for _, p := range []string{path, identity} {
		if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
			return nil, fault.Wrap(fault.Invalid, err, "the folder of %s cannot be made", p)
		}
	}
	return file.Create(file.Options{Path: path, Identity: identity})
}

// credential reads a part of a keeper's credentials: as/part, from ASSAY_SECRET_AS_PART or
// a file that ASSAY_SECRET_AS_PART_FILE names. It is empty when there is none.
func credential(as, part string) (secret.Value, error) {
	v, err := env.New(env.Options{}).Read(context.Background(), as+"/"+part)
	if err != nil && fault.Of(err) != fault.Unknown {
		return secret.Value{}, err
	}
	return v.Current.Value, nil
}

func credentials(as string, parts ...string) (out []secret.Value, err error) {
	for _, p := range parts {
		v, err := credential(as, p)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

func openVault(field, address string, opt url.Values) (*vault.Vault, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil {
		return nil, fault.At(fault.Invalid, field, "write vault:https://HOST:8200/MOUNT/PREFIX, without credentials: those come from the environment")
	}
	mount, prefix, _ := strings.Cut(strings.Trim(u.Path, "/"), "/")
	if m := strings.Trim(opt.Get("mount"), "/"); m != "" {
		rest, ok := strings.CutPrefix(strings.Trim(u.Path, "/")+"/", m+"/")
		if !ok {
			return nil, fault.At(fault.Invalid, field, "the path does not begin with the mount that ?mount= names")
		}
		mount, prefix = m, strings.Trim(rest, "/")
	}
	as := opt.Get("as")
	if as == "" {
		as = "vault"
	}
	c, err := credentials(as, "role-id", "secret-id", "token")
	if err != nil {
		return nil, err
	}
	o := vault.Options{Address: u.Scheme + "://" + u.Host, Namespace: opt.Get("namespace"), Mount: mount, Prefix: prefix, AppRole: opt.Get("approle"),
		RoleID: c[0].Reveal(), SecretID: c[1], Token: c[2]}
	if o.RoleID == "" && o.Token.Empty() {
		name, _ := env.Variable(as + "/x") // good or not, vault.Open tells
		name = strings.TrimSuffix(name, "X")
		return nil, fault.At(fault.Invalid, field, "there are no credentials for the vault: set %sROLE_ID and %sSECRET_ID, or %sTOKEN (each with _FILE for a file)", name, name, name)
	}
	if o.RoleID != "" {
		o.Token = secret.Value{}
	}
	if ca := opt.Get("ca"); ca != "" {
		pem, err := os.ReadFile(ca)
		if err != nil {
			return nil, fault.Wrap(fault.Invalid, err, "the root certificate %s cannot be read", ca)
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			return nil, fault.At(fault.Invalid, field, "%s holds no certificate", ca)
		}
		o.HTTP = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, TLSHandshakeTimeout: 5 * time.Second, IdleConnTimeout: time.Minute,
		}}
	}
	return vault.Open(o)
}

func openAWS(field, path string, opt url.Values) (*awssm.AWS, error) {
	region, prefix, _ := strings.Cut(path, "/")
	if prefix != "" && !strings.HasSuffix(prefix, "/") {
		prefix += "/"
	}
	o := awssm.Options{Region: region, Prefix: prefix, Endpoint: opt.Get("endpoint")}
	if as := opt.Get("as"); as != "" {
		c, err := credentials(as, "key-id", "key", "session")
		if err != nil {
			return nil, err
		}
		if o.KeyID, o.Key, o.Session = c[0].Reveal(), c[1], c[2]; o.KeyID == "" {
			return nil, fault.At(fault.Invalid, field, "there are no credentials %q for AWS: set their KEY_ID and KEY", as)
		}
	}
	return awssm.Open(o)
}
