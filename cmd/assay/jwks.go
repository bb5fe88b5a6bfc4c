package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/assayhq/assay/access"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/access/oauth"
	"github.com/assayhq/assay/app"
	"github.com/assayhq/assay/fault"
)

// keyJWKS are the commands for public keys of a ring's programs.
func (c *cli) keyJWKS() *cobra.Command {
	cmd := &cobra.Command{
		Use: "jwks", Short: "Public keys with which programs get tokens instead of with a secret", Args: cobra.NoArgs,
		Long: "A program that holds a private key proves itself at /oauth/token with a signed statement\n" +
			"(private_key_jwt, RFC 7523). Its ring needs the public key: Ed25519, P-256, or RSA with \"alg\".\n" +
			"To change a key, set both, move the programs, and set the new one alone.",
		Example: "  assay key jwks set ring_4kTq0XbT9LmA public.jwks\n  assay key jwks list ring_4kTq0XbT9LmA",
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.jwksSet(), c.jwksList())
	return cmd
}

func (c *cli) jwksSet() *cobra.Command {
	return &cobra.Command{
		Use: "set RING FILE", Short: "Make a JWK set the public keys of a ring; - reads it from standard input", Args: cobra.ExactArgs(2),
		Long:    "The set takes the place of the one before; {\"keys\":[]} takes all away. Tokens that were lent\nfor a key that is taken away end at once.",
		Example: "  assay key jwks set ring_4kTq0XbT9LmA public.jwks",
		RunE: func(cmd *cobra.Command, args []string) error {
			doc, err := readBounded(cmd.InOrStdin(), args[1], oauth.MaxClientKeySet)
			if err != nil {
				return err
			}
			keys, err := oauth.ParseClientKeys(doc)
			if err != nil {
				return err
			}
			return c.withKeys(func(store access.Store, g *gate.Gate) error {
				r, err := app.SetClientKeys(cmd.Context(), g, store, operator, args[0], keys)
				if err != nil {
					return err
				}
				return c.printClientKeys(r)
			})
		},
	}
}

func (c *cli) jwksList() *cobra.Command {
	return &cobra.Command{
		Use: "list RING", Short: "List the public keys of a ring", Args: cobra.ExactArgs(1), Example: "  assay key jwks list ring_4kTq0XbT9LmA",
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withGate(func(g *gate.Gate) error {
				r, err := g.Ring(cmd.Context(), "", args[0])
				if err != nil {
					return err
				}
				return c.printClientKeys(r)
			})
		},
	}
}

func (c *cli) printClientKeys(r *access.Ring) error {
	t := newTable("kid", "alg", "added (UTC)", "thumbprint")
	for _, k := range r.ClientKeys {
		if c.inJSON() {
			if err := writeJSON(c.out, map[string]string{"ring": r.ID, "kid": k.Kid, "alg": k.Alg, "thumbprint": k.Thumbprint, "added_at": when(k.Added)}); err != nil {
				return err
			}
		}
		t.row(k.Kid, k.Alg, when(k.Added), k.Thumbprint)
	}
	return c.printRows(t, fmt.Sprintf("%s has no public keys; `assay key jwks set %s FILE` sets them", r.ID, r.ID))
}

// readBounded reads a file, or standard input for "-", of at most most bytes.
func readBounded(in io.Reader, name string, most int64) ([]byte, error) {
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, fault.Wrap(fault.Invalid, err, "%s cannot be read", name)
		}
		defer f.Close()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, most+1))
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "%s cannot be read", name)
	}
	return b, nil
}
