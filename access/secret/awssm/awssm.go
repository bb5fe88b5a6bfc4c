// Package awssm keeps secrets in AWS Secrets Manager, one per name, with its own staging
// labels: AWSCURRENT, AWSPREVIOUS and AWSPENDING. So whoever reads the current value with
// any AWS tool reads what we do.
//
// The service makes the first version of a secret current, whatever label it was given.
// A pending value is not tested yet, so a new secret begins with a placeholder, a version
// with the id `assay-placeholder-of-a-new-secret` and the value `unset`; it is never given
// to readers and its label moves on with the first Promote. A version id is also the
// ClientRequestToken of the call that wrote it, so a repeated call writes once.
//
// The labels cannot be changed with check-and-set as a whole. Promoting is one call that
// names the version which loses AWSCURRENT, so of two at once one fails and looks again;
// taking AWSPENDING away is a second call, and what a crash leaves between the two is
// read as promoted. Of two writers of different pending values at the same instant the
// later one wins, and the other's Promote is fault.Conflict; the same goes for two who
// write the same value at the same instant, of which one version is promoted.
//
// It never deletes a secret, keeps no value and starts no goroutine. It needs
// secretsmanager: DescribeSecret, GetSecretValue, and to write CreateSecret,
// PutSecretValue, UpdateSecretVersionStage. The calls are those of
// docs.aws.amazon.com/secretsmanager/latest/apireference. The app opens it.
package awssm

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/assayhq/assay/access/secret"
	"github.com/assayhq/assay/fault"
	"github.com/assayhq/assay/internal/capped"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sm "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

// The staging labels that the service gives a meaning.
const (
	current  = "AWSCURRENT"
	previous = "AWSPREVIOUS"
	pending  = "AWSPENDING"
)

// placeholder is the id of the version that a new secret begins with.
const placeholder = "assay-placeholder-of-a-new-secret"

// attempts is how often a change is tried anew when another one came between.
const attempts = 5

// Options tell which account and region.
type Options struct {
	Region   string // such as eu-central-1
	Endpoint string // in the place of the region's own; for tests and private endpoints
	Prefix   string // before every name, such as `assay/`; may be empty

	// KeyID and Key sign the calls, with Session for temporary ones. When KeyID is empty
	// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN of the environment do.
	KeyID   string
	Key     secret.Value
	Session secret.Value
	// Lookup gives a variable; os.LookupEnv when nil.
	Lookup func(name string) (string, bool)

	// HTTP carries the requests; one with a time-out of 10 s when nil.
	HTTP *http.Client
}

// AWS is such a keeper. It is a secret.Writer, safe for use by many at once.
type AWS struct {
	api    *sm.Client
	prefix string
}

// Open checks the options. It asks nothing of the service.
func Open(o Options) (*AWS, error) {
	if o.Region == "" {
		return nil, fault.At(fault.Invalid, "region", "AWS Secrets Manager needs a region, such as eu-central-1")
	}
	if u, err := url.Parse(o.Endpoint); o.Endpoint != "" && (err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http") {
		return nil, fault.At(fault.Invalid, "endpoint", "the endpoint is to be like https://secretsmanager.internal")
	}
	if o.Prefix != "" {
		if err := secret.CheckName(o.Prefix + "x"); err != nil {
			return nil, fault.At(fault.Invalid, "prefix", "the prefix is to be the beginning of a name, such as assay/")
		}
	}
	if o.KeyID != "" && o.Key.Empty() {
		return nil, fault.At(fault.Invalid, "key", "an access key id needs its secret access key")
	}
	if o.Lookup == nil {
		o.Lookup = os.LookupEnv
	}
	carrier := http.Client{Timeout: 10 * time.Second}
	if o.HTTP != nil {
		carrier = *o.HTTP
	}
	if carrier.Transport == nil {
		carrier.Transport = http.DefaultTransport
	}
	carrier.Transport = capped.Transport(carrier.Transport, maxAnswer)
	so := sm.Options{
		Region:      o.Region,
		Credentials: keys(o),
		HTTPClient:  &carrier,
		Retryer: retry.NewStandard(func(r *retry.StandardOptions) {
			r.MaxAttempts, r.MaxBackoff = 3, time.Second // whoever calls has little time and tries again
		}),
	}
	if o.Endpoint != "" {
		so.BaseEndpoint = aws.String(o.Endpoint)
	}
	return &AWS{api: sm.New(so), prefix: o.Prefix}, nil
}

// keys gives the credentials: those of the options, or of the environment at each call.
func keys(o Options) aws.CredentialsProvider {
	if o.KeyID != "" {
		return credentials.NewStaticCredentialsProvider(o.KeyID, o.Key.Reveal(), o.Session.Reveal())
	}
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		id, _ := o.Lookup("AWS_ACCESS_KEY_ID")
		key, _ := o.Lookup("AWS_SECRET_ACCESS_KEY")
		session, _ := o.Lookup("AWS_SESSION_TOKEN")
		if id == "" || key == "" {
			return aws.Credentials{}, fault.New(fault.Unauthentic, "AWS_ACCESS_KEY_ID or AWS_SECRET_ACCESS_KEY is not set")
		}
		return aws.Credentials{AccessKeyID: id, SecretAccessKey: key, SessionToken: session, Source: "environment"}, nil
	})
}

// Read gives the versions of a secret.
func (a *AWS) Read(ctx context.Context, name string) (secret.Versions, error) {
	for range attempts {
		l, err := a.labels(ctx, name)
		if err != nil {
			return secret.Versions{}, err
		}
		if l.shown().empty() {
			return secret.Versions{}, unknown(name)
		}
		v, err := a.values(ctx, name, l)
		if fault.Of(err) == fault.Unknown {
			continue // a version lost its last label between the calls: the labels are new
		}
		return v, err
	}
	return secret.Versions{}, fault.New(fault.Unavailable, "the secret %s changes too fast to be read: try again", name)
}

// WritePending keeps a value as pending, and makes the secret when it is missing.
func (a *AWS) WritePending(ctx context.Context, name string, value secret.Value) (string, error) {
	if err := value.Check(); err != nil {
		return "", err
	}
	l, err := a.labels(ctx, name)
	switch {
	case fault.Of(err) == fault.Unknown:
		err = a.create(ctx, name)
	case err == nil && len(l.all) == 0:
		err = a.begin(ctx, name)
	}
	if err != nil {
		return "", err
	}
	var v secret.Versions
	if !l.shown().empty() {
		if v, err = a.Read(ctx, name); err != nil && fault.Of(err) != fault.Unknown {
			return "", err
		}
	}
	fresh := secret.NewID()
	_, id, err := v.WithPending(value, fresh)
	if err != nil || id != fresh {
		return id, err
	}
	_, err = a.api.PutSecretValue(ctx, &sm.PutSecretValueInput{
		SecretId:           a.id(name),
		ClientRequestToken: &id,
		SecretString:       aws.String(value.Reveal()),
		VersionStages:      []string{pending},
	})
	return id, kind(err, "write the secret "+name)
}

// create makes a secret with the placeholder. Another writer may be first.
func (a *AWS) create(ctx context.Context, name string) error {
	_, err := a.api.CreateSecret(ctx, &sm.CreateSecretInput{
		Name: a.id(name), ClientRequestToken: aws.String(placeholder), SecretString: aws.String("unset"),
	})
	var there *types.ResourceExistsException
	if errors.As(err, &there) {
		return nil
	}
	return kind(err, "make the secret "+name)
}

// begin gives the placeholder to a secret that was made without any version.
func (a *AWS) begin(ctx context.Context, name string) error {
	_, err := a.api.PutSecretValue(ctx, &sm.PutSecretValueInput{
		SecretId: a.id(name), ClientRequestToken: aws.String(placeholder), SecretString: aws.String("unset"), VersionStages: []string{current},
	})
	return kind(err, "write the secret "+name)
}

// Promote moves AWSCURRENT to the pending version; the service moves AWSPREVIOUS.
func (a *AWS) Promote(ctx context.Context, name, version string) error {
	for range attempts {
		l, err := a.labels(ctx, name)
		if err != nil {
			return err
		}
		if l.shown().empty() {
			return unknown(name)
		}
		if version != l.current || version == "" {
			if _, err := l.shown().versions().Promoted(version); err != nil {
				return err
			}
			// Two writers of one value may have made two versions of it. Promoting the
			// second would make the first previous, and the real previous one would be lost.
			v, err := a.values(ctx, name, l)
			if fault.Of(err) == fault.Unknown {
				continue
			}
			if err != nil {
				return err
			}
			if v.Current.Present() && v.Current.Value.Equal(v.Pending.Value) {
				if err := a.unpend(ctx, name, version); err != nil {
					return err
				}
				return fault.New(fault.Conflict, "the value of version %s is current already, as version %s", version, v.Current.ID)
			}
			in := &sm.UpdateSecretVersionStageInput{SecretId: a.id(name), VersionStage: aws.String(current), MoveToVersionId: &version}
			if l.current != "" {
				in.RemoveFromVersionId = &l.current
			}
			if err := a.move(ctx, name, in); fault.Of(err) == fault.Invalid {
				continue // the label is no longer where it was
			} else if err != nil {
				return err
			}
		} else if l.pending != version {
			return nil
		}
		return a.unpend(ctx, name, version)
	}
	return fault.New(fault.Conflict, "the secret %s was changed by others %d times meanwhile: try again", name, attempts)
}

// Discard takes AWSPENDING away; the service deletes versions without a label in time.
func (a *AWS) Discard(ctx context.Context, name, version string) error {
	l, err := a.labels(ctx, name)
	if err != nil {
		return err
	}
	if l = l.shown(); l.empty() {
		return unknown(name)
	}
	next, err := l.versions().Discarded(version)
	if err != nil || next.Pending.ID == l.pending {
		return err
	}
	return a.unpend(ctx, name, version)
}

// unpend takes AWSPENDING from a version. It is no mistake when it is not there: then
// another writer's value is pending by now.
func (a *AWS) unpend(ctx context.Context, name, version string) error {
	err := a.move(ctx, name, &sm.UpdateSecretVersionStageInput{SecretId: a.id(name), VersionStage: aws.String(pending), RemoveFromVersionId: &version})
	if err != nil && fault.Of(err) == fault.Invalid {
		return nil
	}
	return err
}

func (a *AWS) move(ctx context.Context, name string, in *sm.UpdateSecretVersionStageInput) error {
	_, err := a.api.UpdateSecretVersionStage(ctx, in)
	return kind(err, "move a label of the secret "+name)
}

func (a *AWS) id(name string) *string { return aws.String(a.prefix + name) }

func unknown(name string) error {
	return fault.New(fault.Unknown, "AWS Secrets Manager has no value of the secret %s", name)
}
