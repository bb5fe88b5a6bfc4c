package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/assayhq/assay/access/audit"
	"github.com/assayhq/assay/access/gate"
	"github.com/assayhq/assay/fault"
)

// auditCmd reads, exports and verifies the audit log.
func (c *cli) auditCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use: "audit", Short: "Read, export and verify the log of everything that happened to keys", Args: cobra.NoArgs,
		Long: "Every change of keys is an entry of an append-only log, a Merkle tree (RFC 6962) whose root is\n" +
			"signed. Keep checkpoints and the public key elsewhere: with them, `assay audit verify` finds any\n" +
			"entry that was changed, dropped, added or moved, without trusting the server.",
		Example: "  assay audit list\n  assay audit export audit.jsonl\n  assay audit verify audit.jsonl --checkpoint audit.jsonl.checkpoint --key audit.jsonl.pub",
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.auditList(), c.auditExport(), c.auditVerify())
	return cmd
}

func (c *cli) auditList() *cobra.Command {
	var org string
	var from int64
	var limit int
	cmd := &cobra.Command{
		Use: "list", Short: "Print entries", Args: cobra.NoArgs, Example: "  assay audit list --from 100 -o json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withGate(func(g *gate.Gate) error {
				list, _, err := g.Audit(cmd.Context(), org, from, limit)
				if err != nil {
					return err
				}
				t := newTable("seq", "at", "actor", "action", "subject", "detail")
				for _, e := range list {
					if c.inJSON() {
						fmt.Fprintf(c.out, "%s\n", e.Leaf)
						continue
					}
					var words []string
					for k, v := range e.Detail {
						words = append(words, k+"="+v)
					}
					slices.Sort(words)
					t.row(fmt.Sprint(e.Seq), when(e.At), e.Actor, e.Action, e.Subject, strings.Join(words, " "))
				}
				return c.printRows(t, "there are no such entries")
			})
		},
	}
	cmd.Flags().StringVar(&org, "org", "", "only of this organisation")
	cmd.Flags().Int64Var(&from, "from", 0, "first entry to look at")
	cmd.Flags().IntVar(&limit, "limit", 200, "at most so many")
	return cmd
}

func (c *cli) auditExport() *cobra.Command {
	return &cobra.Command{
		Use: "export FILE", Short: "Write the log to FILE, and beside it the signed checkpoint and the public key", Args: cobra.ExactArgs(1), Example: "  assay audit export audit.jsonl",
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withGate(func(g *gate.Gate) error {
				f, err := os.OpenFile(args[0], os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
				if err != nil {
					return fault.Wrap(fault.Invalid, err, "%s cannot be written", args[0])
				}
				defer f.Close()
				// The checkpoint first: the file then holds at least what it covers.
				note, public, err := g.Checkpoint(cmd.Context())
				if err != nil {
					return err
				}
				w := bufio.NewWriter(f)
				n, err := g.Export(cmd.Context(), w, nil)
				if err != nil {
					return err
				}
				if err := w.Flush(); err != nil {
					return err
				}
				if err := f.Sync(); err != nil {
					return err
				}
				if err := os.WriteFile(args[0]+".checkpoint", note, 0o600); err != nil {
					return err
				}
				if err := os.WriteFile(args[0]+".pub", []byte(public+"\n"), 0o600); err != nil {
					return err
				}
				fmt.Fprintf(c.err, "%d entries in %s, the signed checkpoint in %s.checkpoint, the public key in %s.pub; keep the last two apart from this machine\n", n, args[0], args[0], args[0])
				return nil
			})
		},
	}
}

func (c *cli) auditVerify() *cobra.Command {
	var checkpoint, key, server string
	cmd := &cobra.Command{
		Use: "verify [FILE]", Short: "Check an export against a signed checkpoint, offline, or a server against a checkpoint that was kept", Args: cobra.MaximumNArgs(1),
		Long: "With FILE, verify checks an export line by line against a checkpoint, without any server.\n" +
			"With --server it asks a server for its checkpoint and for a proof that its log continues the\n" +
			"one of --checkpoint, which was kept from earlier: entries that were changed or dropped since,\n" +
			"and a second version of the log shown to somebody else, are found. When all is well the new\n" +
			"checkpoint takes the place of the old one. The first time, it is only kept. The API key comes\n" +
			"from ASSAY_API_KEY and needs the scope audit:read.",
		Example: "  assay audit verify audit.jsonl\n  assay audit verify audit.jsonl --checkpoint kept/march.checkpoint --key kept/assay.pub\n  assay audit verify --server https://api.example.com --checkpoint kept/assay.checkpoint --key kept/assay.pub",
		RunE: func(cmd *cobra.Command, args []string) error {
			if server != "" {
				if len(args) > 0 {
					return usageError{fmt.Errorf("give FILE or --server, not both")}
				}
				return c.verifyServer(cmd.Context(), server, or(checkpoint, "assay.checkpoint"), or(key, "assay.pub"))
			}
			if len(args) == 0 {
				return usageError{fmt.Errorf("FILE is missing: write it with assay audit export, or ask a server with --server")}
			}
			if checkpoint == "" {
				checkpoint = args[0] + ".checkpoint"
			}
			if key == "" {
				key = args[0] + ".pub"
			}
			note, err := readSmall(checkpoint)
			if err != nil {
				return err
			}
			public, err := readSmall(key)
			if err != nil {
				return err
			}
			f, err := os.Open(args[0])
			if err != nil {
				return fault.Wrap(fault.Invalid, err, "%s cannot be read", args[0])
			}
			defer f.Close()
			rep, err := audit.VerifyExport(f, note, strings.TrimSpace(string(public)), nil)
			if c.inJSON() {
				if err := writeJSON(c.out, rep); err != nil {
					return err
				}
			}
			if err != nil {
				return err
			}
			if !c.inJSON() {
				fmt.Fprintf(c.out, "ok: all %d entries that the checkpoint signs are as they were signed (log %s)\n", rep.Covered, rep.Origin)
				if rep.Uncovered > 0 {
					fmt.Fprintf(c.out, "%d later entries are sound in themselves; the next checkpoint tells whether they are all\n", rep.Uncovered)
				}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&checkpoint, "checkpoint", "", "the signed checkpoint (default FILE.checkpoint; with --server assay.checkpoint)")
	cmd.Flags().StringVar(&key, "key", "", "file with the public key (default FILE.pub; with --server assay.pub)")
	cmd.Flags().StringVar(&server, "server", "", "ask this server instead of reading a file, such as https://api.example.com")
	return cmd
}

// readSmall reads a file of at most 64 KB.
func readSmall(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "%s cannot be read", path)
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, 64<<10))
}
