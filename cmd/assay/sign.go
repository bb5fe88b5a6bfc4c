package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/assayhq/assay/access/idem"
	"github.com/assayhq/assay/access/signing"
	"github.com/assayhq/assay/fault"
)

// signer is what the command signs with.
type signer struct {
	kid, file, data, fresh string
	canonical, check       bool
}

func (c *cli) sign() *cobra.Command {
	var s signer
	cmd := &cobra.Command{
		Use: "sign [METHOD] URL", Short: "Sign a request, or check a signer against a server", Args: cobra.MaximumNArgs(2),
		Long: "Prints the headers that sign a request, one a line, as `curl -H @-` takes them. The request must be\n" +
			"sent within seconds, once, and exactly as it was signed. The signing key is a file with an Ed25519\n" +
			"private key (PEM, PKCS #8) or with the secret asyh_...; or ASSAY_SIGNING_KEY holds the text itself.\n" +
			"The key's id is taken from ASSAY_API_KEY unless --kid gives it. docs/operate/signing.md has the rules.",
		Example: "  assay sign --new key.pem                            # prints what --sign of `assay key create` takes\n" +
			"  assay sign POST http://127.0.0.1:8080/v1/rings/ring_4kTq0XbT9LmA/confirm --signing-key key.pem\n" +
			"  assay sign --check http://127.0.0.1:8080 --signing-key key.pem",
		RunE: func(cmd *cobra.Command, args []string) error {
			if s.fresh != "" {
				if len(args) > 0 {
					return usageError{fmt.Errorf("--new makes a key and signs nothing")}
				}
				return c.newSigningKey(s.fresh)
			}
			if len(args) == 0 {
				return usageError{fmt.Errorf("what is to be signed is missing: METHOD URL, or --check URL")}
			}
			k, err := s.key(c.token())
			if err != nil {
				return err
			}
			u := args[len(args)-1]
			if s.check {
				return c.checkSigner(cmd.Context(), strings.TrimSuffix(u, "/"), k)
			}
			method := http.MethodPost
			if len(args) == 2 {
				method = strings.ToUpper(args[0])
			}
			return c.signed(cmd.Context(), method, u, s, k)
		},
	}
	f := cmd.Flags()
	f.StringVar(&s.file, "signing-key", "", "file with the private key or secret (default: ASSAY_SIGNING_KEY holds it)")
	f.StringVar(&s.kid, "kid", "", "id of the key that signs (default: that of ASSAY_API_KEY)")
	f.StringVar(&s.data, "data", "", "the request's body; @FILE reads it from a file, @- from standard input")
	f.BoolVar(&s.canonical, "canonical", false, "print the text that is signed instead of the headers")
	f.BoolVar(&s.check, "check", false, "sign a request to URL/v1/signing/check, repeat it, replay it, and tell what came of each")
	f.StringVar(&s.fresh, "new", "", "make an Ed25519 key, write it to this file, and print its public key")
	f.StringVar(&c.key, "key", "", "the API key, for --check (ASSAY_API_KEY)")
	return cmd
}

// newSigningKey writes a private key that only its owner can read.
func (c *cli) newSigningKey(file string) error {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fault.Wrap(fault.Invalid, err, "%s cannot be made: %v", file, err)
	}
	if err := pem.Encode(f, &pem.Block{Type: "PRIVATE KEY", Bytes: der}); err != nil {
		f.Close() //nolint:errcheck // the first error tells
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	fmt.Fprintln(c.out, "ed25519:"+base64.StdEncoding.EncodeToString(public))
	return nil
}

// key reads the signing key; errors never hold any of it.
func (s *signer) key(token string) (signing.Key, error) {
	k := signing.Key{Kid: s.kid}
	if k.Kid == "" && len(token) > 20 {
		k.Kid = token[9:20]
	}
	if k.Kid == "" {
		return k, usageError{fmt.Errorf("which key signs is not known: set ASSAY_API_KEY, or give --kid")}
	}
	text := []byte(os.Getenv("ASSAY_SIGNING_KEY"))
	if s.file != "" {
		var err error
		if text, err = os.ReadFile(s.file); err != nil {
			return k, fault.Wrap(fault.Invalid, err, "the signing key cannot be read: %v", err)
		}
	}
	text = bytes.TrimSpace(text)
	switch b, _ := pem.Decode(text); {
	case bytes.HasPrefix(text, []byte("asyh_")):
		k.HMAC = text
	case b != nil:
		p, err := x509.ParsePKCS8PrivateKey(b.Bytes)
		e, ok := p.(ed25519.PrivateKey)
		if err != nil || !ok {
			return k, fault.New(fault.Invalid, "the signing key is no Ed25519 key in PKCS #8; `assay sign --new FILE` and `openssl genpkey -algorithm ed25519` make one")
		}
		k.Ed25519 = e
	case len(text) == 0:
		return k, usageError{fmt.Errorf("the signing key is missing: give --signing-key FILE, or set ASSAY_SIGNING_KEY")}
	default:
		return k, fault.New(fault.Invalid, "the signing key is neither PEM nor a secret that begins with asyh_")
	}
	return k, nil
}

func body(data string) ([]byte, error) {
	switch {
	case data == "@-":
		return io.ReadAll(io.LimitReader(os.Stdin, signing.DefaultMaxBody+1))
	case strings.HasPrefix(data, "@"):
		return os.ReadFile(data[1:])
	}
	return []byte(data), nil
}

// signed prints the headers of a request, or the text they sign.
func (c *cli) signed(ctx context.Context, method, u string, s signer, k signing.Key) error {
	b, err := body(s.data)
	if err != nil {
		return fault.Wrap(fault.Invalid, err, "the body cannot be read: %v", err)
	}
	req, err := http.NewRequestWithContext(ctx, method, u, bytes.NewReader(b))
	if err != nil {
		return fault.Wrap(fault.Invalid, err, "%s is no address", u)
	}
	text, err := sign(req, k)
	if err != nil {
		return err
	}
	switch {
	case s.canonical:
		_, err = fmt.Fprintf(c.out, "%s\n", text)
		return err
	case c.inJSON():
		out := map[string]string{"canonical": string(text)}
		for _, h := range signatureHeaders {
			out[h] = req.Header.Get(h)
		}
		return writeJSON(c.out, out)
	}
	for _, h := range signatureHeaders {
		fmt.Fprintf(c.out, "%s: %s\n", h, req.Header.Get(h))
	}
	return nil
}

var signatureHeaders = []string{signing.HeaderKey, signing.HeaderTimestamp, signing.HeaderNonce, signing.HeaderSignature}

// sign signs a request and gives the text.
func sign(req *http.Request, k signing.Key) ([]byte, error) {
	if err := signing.Sign(req, k, time.Now(), 0); err != nil {
		return nil, err
	}
	p, err := signing.Read(req, 0)
	if err != nil {
		return nil, err
	}
	return p.Canonical(req.Header.Get(signing.HeaderTimestamp), req.Header.Get(signing.HeaderNonce), k.Kid)
}

// checkSigner tries the contract of signed requests on a server: what is right is
// accepted, once; a retry is the same request; a copy and a change are refused.
func (c *cli) checkSigner(ctx context.Context, base string, k signing.Key) error {
	if c.token() == "" {
		return usageError{fmt.Errorf("the API key is missing: set ASSAY_API_KEY, or give --key")}
	}
	name := rand.Text()
	text := "a b+c/é~" // what clients encode differently
	send := func(body string, replay http.Header) (int, http.Header, map[string]any, []byte, http.Header, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/v1/signing/check?"+signing.Query(url.Values{"text": {text}, "format": {"json"}}), strings.NewReader(body))
		if err != nil {
			return 0, nil, nil, nil, nil, fault.Wrap(fault.Invalid, err, "%s is no address", base)
		}
		req.Header.Set("Content-Type", "application/octet-stream")
		signedText, err := sign(req, k)
		if err != nil {
			return 0, nil, nil, nil, nil, err
		}
		if replay != nil {
			req.Header = replay.Clone()
		}
		req.Header.Set("Authorization", "Bearer "+c.token())
		req.Header.Set(idem.Header, name)
		sent := req.Header.Clone()
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return 0, nil, nil, nil, nil, fault.Wrap(fault.Unavailable, err, "no server answers at %s; start one with `assay demo`", base)
		}
		defer res.Body.Close()
		var m map[string]any
		err = json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(&m)
		return res.StatusCode, res.Header, m, signedText, sent, err
	}
	t := newTable("check", "status", "result", "detail")
	failed := 0
	row := func(what string, status int, ok bool, detail any) {
		result := "ok"
		if !ok {
			result = "FAILED"
			failed++
		}
		t.row(what, status, result, detail)
	}
	status, _, m, signedText, first, err := send("body", nil)
	if err != nil {
		return err
	}
	data, _ := m["data"].(map[string]any)
	sum := sha256.Sum256(signedText)
	if status != http.StatusOK {
		row("signed request", status, false, m["detail"])
	} else {
		row("signed request", status, data["canonical_sha256"] == hex.EncodeToString(sum[:]), fmt.Sprintf("%v by key %v; the clock is %v ms behind", data["algorithm"], data["key_id"], data["skew_ms"]))
		s, h, again, _, _, err := send("body", nil)
		if err != nil {
			return err
		}
		d, _ := again["data"].(map[string]any)
		row("retry, signed anew", s, s == http.StatusOK && h.Get(idem.HeaderReplayed) == "true" && d["request_id"] == data["request_id"], "the answer of request "+fmt.Sprint(data["request_id"]))
		s, _, again, _, _, err = send("other", nil)
		if err != nil {
			return err
		}
		row("same Idempotency-Key, other body", s, s == http.StatusUnprocessableEntity, again["detail"])
		s, _, again, _, _, err = send("body", first)
		if err != nil {
			return err
		}
		row("copy of the first request", s, s == http.StatusUnauthorized, again["detail"])
		first.Set(signing.HeaderNonce, rand.Text())
		s, _, again, _, _, err = send("body", first)
		if err != nil {
			return err
		}
		row("changed nonce", s, s == http.StatusUnauthorized, again["detail"])
	}
	if c.output == "csv" {
		err = t.csv(c.out)
	} else {
		err = t.print(c.out)
	}
	if err == nil && failed > 0 {
		err = fault.New(fault.Denied, "%d checks failed", failed)
	}
	return err
}
