package awssm

import (
	"context"
	"slices"

	"github.com/assayhq/assay/access/secret"
	"github.com/assayhq/assay/fault"
	"github.com/aws/aws-sdk-go-v2/aws"
	sm "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// labels are the versions of a secret that have a label.
type labels struct {
	all                        map[string][]string
	current, previous, pending string
}

func (l labels) empty() bool { return l.current == "" && l.previous == "" && l.pending == "" }

// versions are the labels without values, for the rules of secret.Versions.
func (l labels) versions() secret.Versions {
	return secret.Versions{Current: secret.Version{ID: l.current}, Previous: secret.Version{ID: l.previous}, Pending: secret.Version{ID: l.pending}}
}

// shown hides the placeholder, and the pending label of what is current already.
func (l labels) shown() labels {
	if l.pending == l.current {
		l.pending = ""
	}
	for _, at := range []*string{&l.current, &l.previous, &l.pending} {
		if *at == placeholder {
			*at = ""
		}
	}
	return l
}

// labels asks which version has which label.
func (a *AWS) labels(ctx context.Context, name string) (labels, error) {
	if err := secret.CheckName(name); err != nil {
		return labels{}, err
	}
	out, err := a.api.DescribeSecret(ctx, &sm.DescribeSecretInput{SecretId: a.id(name)})
	if err != nil {
		return labels{}, kind(err, "read the secret "+name)
	}
	if out.DeletedDate != nil {
		return labels{}, fault.New(fault.Conflict, "the secret %s is scheduled for deletion: restore it first", name)
	}
	l := labels{all: out.VersionIdsToStages}
	for id, stages := range l.all {
		if slices.Contains(stages, current) {
			l.current = id
		}
		if slices.Contains(stages, previous) {
			l.previous = id
		}
		if slices.Contains(stages, pending) {
			l.pending = id
		}
	}
	return l, nil
}

// values fetches the labelled versions.
func (a *AWS) values(ctx context.Context, name string, l labels) (secret.Versions, error) {
	v := l.shown().versions()
	for _, at := range []*secret.Version{&v.Current, &v.Previous, &v.Pending} {
		if !at.Present() {
			continue
		}
		out, err := a.api.GetSecretValue(ctx, &sm.GetSecretValueInput{SecretId: a.id(name), VersionId: &at.ID})
		if err != nil {
			return secret.Versions{}, kind(err, "read the secret "+name)
		}
		at.Value = secret.Of(aws.ToString(out.SecretString))
		if err := at.Value.Check(); err != nil {
			return secret.Versions{}, fault.Wrap(fault.Internal, err, "version %s of the secret %s is no text", at.ID, name)
		}
	}
	return v, nil
}
