package people

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"slices"
	"strings"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"github.com/pquerna/otp/totp"

	"github.com/assayhq/assay/fault"
)

// Codes are six digits of HMAC-SHA-1 and change every 30 s (RFC 6238): what every
// authenticator app can do. A code of the step before or after is accepted too.
const (
	step      = 30 // seconds
	recoverys = 10 // recovery codes of an account
)

// totpState is the second factor as stored.
type totpState struct {
	Enabled  bool     `json:"enabled,omitempty"`
	Sealed   []byte   `json:"sealed,omitempty"`   // the secret in base32, sealed
	Used     uint64   `json:"used,omitempty"`     // the newest step whose code was used
	Recovery []string `json:"recovery,omitempty"` // SHA-256 of codes not used yet: 130 bits need no slow hash
}

// Enrolment is what an authenticator app is fed with. Both are secret.
type Enrolment struct {
	Secret string // base32
	URL    string // otpauth://, to be shown as a QR code
}

// String hides the secret.
func (Enrolment) String() string { return "secret" }

// GoString hides the secret.
func (Enrolment) GoString() string { return "secret" }

// BeginTOTP draws a secret for a second factor. It counts from EnableTOTP on.
func (p *People) BeginTOTP(ctx context.Context, id, password string) (Enrolment, error) {
	a, _, err := read[account](ctx, p.o.Store, kindAccount, id)
	if err != nil {
		return Enrolment{}, err
	}
	if err := p.reprove(ctx, a, password); err != nil {
		return Enrolment{}, err
	}
	key, err := totp.Generate(totp.GenerateOpts{Issuer: p.o.Issuer, AccountName: a.Email, Period: step, SecretSize: 20, Rand: rand.Reader})
	if err != nil {
		return Enrolment{}, fault.Wrap(fault.Internal, err, "no second factor could be made")
	}
	sealed, err := p.o.Seal(id, []byte(key.Secret()))
	if err != nil {
		return Enrolment{}, fault.Wrap(fault.Unavailable, err, "the second factor could not be sealed")
	}
	_, err = update(ctx, p.o.Store, kindAccount, id, func(a *account) error {
		if a.TOTP.Enabled {
			return fault.New(fault.Conflict, "there is a second factor already: remove it first")
		}
		a.TOTP = totpState{Sealed: sealed}
		return nil
	})
	if err != nil {
		return Enrolment{}, err
	}
	return Enrolment{Secret: key.Secret(), URL: key.URL()}, nil
}

// EnableTOTP turns the second factor on once its app has shown a right code, and
// gives recovery codes, which are seen this once.
func (p *People) EnableTOTP(ctx context.Context, id, code string) ([]string, error) {
	if err := p.pairs.enter(p.o.Now(), "code "+id); err != nil {
		return nil, err
	}
	codes, digests := recovery()
	_, err := update(ctx, p.o.Store, kindAccount, id, func(a *account) error {
		if a.TOTP.Enabled || a.TOTP.Sealed == nil {
			return fault.New(fault.Conflict, "begin a second factor first")
		}
		if err := p.spend(a, code); err != nil {
			return err
		}
		a.TOTP.Enabled, a.TOTP.Recovery = true, digests
		return nil
	}, Event{Action: "account.totp_enabled", Actor: id, Subject: id})
	if err != nil {
		return nil, err
	}
	p.pairs.forget("code " + id)
	return codes, nil
}

// DisableTOTP removes the second factor; it needs the password and a code.
func (p *People) DisableTOTP(ctx context.Context, id, password, code string) error {
	a, _, err := read[account](ctx, p.o.Store, kindAccount, id)
	if err != nil {
		return err
	}
	if err := p.reprove(ctx, a, password); err != nil {
		return err
	}
	if err := p.second(ctx, id, code); err != nil {
		return err
	}
	_, err = update(ctx, p.o.Store, kindAccount, id, func(a *account) error { a.TOTP = totpState{}; return nil },
		Event{Action: "account.totp_disabled", Actor: id, Subject: id})
	return err
}

// RenewRecovery gives new recovery codes in the place of all that are left; it needs the
// password and a code.
func (p *People) RenewRecovery(ctx context.Context, id, password, code string) ([]string, error) {
	a, _, err := read[account](ctx, p.o.Store, kindAccount, id)
	if err != nil {
		return nil, err
	}
	if err := p.reprove(ctx, a, password); err != nil {
		return nil, err
	}
	if err := p.second(ctx, id, code); err != nil {
		return nil, err
	}
	codes, digests := recovery()
	_, err = update(ctx, p.o.Store, kindAccount, id, func(a *account) error {
		if !a.TOTP.Enabled {
			return fault.New(fault.Conflict, "there is no second factor")
		}
		a.TOTP.Recovery = digests
		return nil
	}, Event{Action: "account.recovery_renewed", Actor: id, Subject: id})
	if err != nil {
		return nil, err
	}
	return codes, nil
}

// recovery draws recovery codes; only the digests are stored.
func recovery() (codes, digests []string) {
	for range recoverys {
		c := rand.Text()
		codes, digests = append(codes, c), append(digests, digest(c))
	}
	return codes, digests
}

// second takes a code. It is stored as used before anything is opened with it.
func (p *People) second(ctx context.Context, id, code string) error {
	if code == "" {
		return fault.Wrap(fault.Unauthentic, ErrSecondFactor, "the code of the second factor is needed")
	}
	// Guessing is slowed down for whoever has the password, on any network: a code has
	// only a million values. The owner can take a recovery code after the wait.
	key := "code " + id
	if err := p.pairs.enter(p.o.Now(), key); err != nil {
		return err
	}
	_, err := update(ctx, p.o.Store, kindAccount, id, func(a *account) error {
		if !a.TOTP.Enabled {
			return fault.New(fault.Conflict, "there is no second factor")
		}
		return p.spend(a, code)
	})
	if err == nil {
		p.pairs.forget(key)
	}
	return err
}

// spend checks a code and marks it used in a.
func (p *People) spend(a *account, code string) error {
	no := fault.Wrap(fault.Unauthentic, ErrSecondFactor, "the code is wrong or was used: wait for the next one")
	code = strings.ToUpper(strings.ReplaceAll(strings.TrimSpace(code), " ", ""))
	if len(code) != 6 {
		i := slices.Index(a.TOTP.Recovery, digest(code)) // digests: their order of comparison tells nothing
		if i < 0 {
			return no
		}
		a.TOTP.Recovery = slices.Delete(a.TOTP.Recovery, i, i+1)
		return nil
	}
	secret, err := p.o.Open(a.ID, a.TOTP.Sealed)
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "the second factor cannot be opened")
	}
	now := uint64(p.o.Now().Unix()) / step
	hit := uint64(0)
	for s := now - 1; s <= now+1; s++ {
		want, err := hotp.GenerateCodeCustom(string(secret), s, hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		if err != nil {
			return fault.New(fault.Internal, "the stored second factor cannot be read")
		}
		if subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 && s > a.TOTP.Used && hit == 0 {
			hit = s
		}
	}
	if hit == 0 {
		return no
	}
	a.TOTP.Used = hit // this one and all before it (RFC 6238 section 5.2)
	return nil
}
