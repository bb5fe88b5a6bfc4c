package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/assayhq/assay/access/audit"
	"github.com/assayhq/assay/api"
	"github.com/assayhq/assay/fault"
)

// witnessed is what a check of a server found.
type witnessed struct {
	Origin string `json:"origin"`
	Before int64  `json:"entries_before"` // -1: no checkpoint was kept
	Now    int64  `json:"entries_now"`
	Root   string `json:"root"`
}

// verifyServer checks that a server's audit log continues the one of a checkpoint that
// was kept, and keeps the new one. The key is trusted on first use, and then pinned.
func (c *cli) verifyServer(ctx context.Context, server, kept, keyFile string) error {
	c.url = server
	var now api.Checkpoint
	if err := c.fetchData(ctx, "/v1/audit/checkpoint", nil, &now); err != nil {
		return err
	}
	pinned, err := readSmall(keyFile)
	first := errors.Is(err, fs.ErrNotExist)
	if err != nil && !first {
		return err
	}
	public := strings.TrimSpace(string(pinned))
	if first {
		public = now.Public
	}
	fresh, err := audit.Open([]byte(now.Note), public)
	if err != nil {
		return err
	}
	w := witnessed{Origin: fresh.Origin, Before: -1, Now: fresh.Size, Root: fresh.Root.String()}
	old, err := readSmall(kept)
	switch {
	case err == nil:
		if first {
			return fault.New(fault.Invalid, "there is a checkpoint in %s, but no public key in %s to check it with: bring the key back, or move the checkpoint away", kept, keyFile)
		}
		was, err := audit.Open(old, public)
		if err != nil {
			return err
		}
		w.Before = was.Size
		if err := c.continues(ctx, was, fresh); err != nil {
			return err
		}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if first {
		if err := replace(keyFile, []byte(public+"\n")); err != nil {
			return err
		}
	}
	if err := replace(kept, []byte(now.Note)); err != nil {
		return err
	}
	switch {
	case c.inJSON():
		return writeJSON(c.out, w)
	case w.Before < 0:
		fmt.Fprintf(c.out, "kept: the checkpoint of %d entries in %s; the next check proves that the log continues it (log %s)\n", w.Now, kept, w.Origin)
	default:
		fmt.Fprintf(c.out, "ok: the log of %d entries continues the one of %d that was kept (log %s)\n", w.Now, w.Before, w.Origin)
	}
	return nil
}

// continues asks the server to prove that its log only grew.
func (c *cli) continues(ctx context.Context, was, now audit.Checkpoint) error {
	switch {
	case now.Size < was.Size:
		return fault.New(fault.Invalid, "the server's log has %d entries, fewer than the %d that were signed before: entries were dropped, or it was restored from an older copy", now.Size, was.Size)
	case now.Size == was.Size && now.Root != was.Root:
		return fault.New(fault.Invalid, "the server signed two different logs of %d entries, %s and %s: keep both checkpoints as evidence", now.Size, was.Root, now.Root)
	case now.Size == was.Size:
		return nil
	}
	var got api.ConsistencyProof
	q := url.Values{"from": {fmt.Sprint(was.Size)}, "to": {fmt.Sprint(now.Size)}}
	if err := c.fetchData(ctx, "/v1/audit/proofs/consistency", q, &got); err != nil {
		return err
	}
	text, err := json.Marshal(map[string]any{"from": got.From, "to": got.To, "path": got.Path})
	if err != nil {
		return err
	}
	var p audit.Consistency
	if err := json.Unmarshal(text, &p); err != nil {
		return fault.Wrap(fault.Invalid, err, "the server's proof cannot be read")
	}
	return p.Check(was, now)
}

// fetchData reads the data of one answer.
func (c *cli) fetchData(ctx context.Context, path string, q url.Values, into any) error {
	body, err := c.ask(ctx, path, q)
	if err != nil {
		return err
	}
	defer body.Close()
	b, err := io.ReadAll(io.LimitReader(body, 64<<20))
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "the answer broke off")
	}
	answer := struct {
		Data any `json:"data"`
	}{into}
	if err := json.Unmarshal(b, &answer); err != nil {
		return fault.Wrap(fault.Unavailable, err, "%s did not answer as an Assay server", c.url)
	}
	return nil
}

// replace writes a file whole or not at all.
func replace(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".assay-*")
	if err != nil {
		return fault.Wrap(fault.Invalid, err, "%s cannot be written", path)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(b)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fault.Wrap(fault.Invalid, err, "%s cannot be written", path)
	}
	return os.Rename(f.Name(), path)
}
