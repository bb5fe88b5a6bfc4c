package nats_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/assayhq/assay/access/accesstest"
	"github.com/assayhq/assay/store/nats"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
)

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// certificate makes one that proves itself, for a server and a client on the loopback.
func certificate(t *testing.T, dir string) (cert, key string) {
	t.Helper()
	k := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der := must(x509.CreateCertificate(rand.Reader, c, c, &k.PublicKey, k))(t)
	secret := must(x509.MarshalPKCS8PrivateKey(k))(t)
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// credentials makes an operator with one account and one user, as `nsc` does.
func credentials(t *testing.T, dir string, o *server.Options) (path string) {
	t.Helper()
	public := func(k nkeys.KeyPair) string { return must(k.PublicKey())(t) }
	operator, account, user := must(nkeys.CreateOperator())(t), must(nkeys.CreateAccount())(t), must(nkeys.CreateUser())(t)
	a := must(jwt.NewAccountClaims(public(account)).Encode(operator))(t)
	u := must(jwt.NewUserClaims(public(user)).Encode(account))(t)
	text := must(jwt.FormatUserConfig(u, must(user.Seed())(t)))(t)
	path = filepath.Join(dir, "user.creds")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	resolver := &server.MemAccResolver{}
	if err := resolver.Store(public(account), a); err != nil {
		t.Fatal(err)
	}
	o.TrustedOperators, o.AccountResolver = []*jwt.OperatorClaims{jwt.NewOperatorClaims(public(operator))}, resolver
	return path
}

func TestHintsPassOverTLSWithCertificateAndCredentialsAndNotWithout(t *testing.T) {
	dir := t.TempDir()
	cert, key := certificate(t, dir)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(must(os.ReadFile(cert))(t))
	pair := must(tls.LoadX509KeyPair(cert, key))(t)
	o := server.Options{TLS: true, TLSTimeout: 5, TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12}}
	creds := credentials(t, dir, &o)
	b := broker(t, o)
	m := accesstest.NewMemory()
	good := nats.Options{URL: b.ClientURL(), Credentials: creds, CA: cert, Certificate: cert, Key: key}
	one, two := open(t, mute{m.Link()}, good), open(t, mute{m.Link()}, good)
	h := hints(t, two)
	hear(t, h, "over TLS", func() { put(t, one) })
	for name, bad := range map[string]nats.Options{
		"credentials": {URL: good.URL, CA: cert, Certificate: cert, Key: key},
		"a CA":        {URL: good.URL, Credentials: creds, Certificate: cert, Key: key},
		"certificate": {URL: good.URL, Credentials: creds, CA: cert},
	} {
		s, err := nats.Open(mute{m.Link()}, bad)
		if err != nil {
			continue // refused at once
		}
		wrong := hints(t, s)
		for range 5 {
			put(t, one)
			select {
			case <-wrong:
				t.Errorf("hints are heard without %s", name)
			case <-time.After(50 * time.Millisecond):
			}
		}
		s.Close()
	}
}
