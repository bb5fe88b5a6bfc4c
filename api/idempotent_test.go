package api

import (
	"testing"

	"github.com/assayhq/assay/access/idem"
	"github.com/assayhq/assay/access/signing"
)

func TestARotationThatDeliversItsKeyIsNotDoneAgainWhenItsOutcomeIsUnknown(t *testing.T) {
	s := &Server{}
	s.opt.Repeats = &idem.Records{}
	for body, again := range map[string]bool{"": true, `{}`: true, `{"push":false}`: true, `{"push":true}`: false, `{"\u0070ush":true}`: false, `{"Push":true}`: false, `broken`: false} {
		x := &exchange{s: s, op: &Operation{ID: rotateRingOp}, read: &signing.Parts{Body: []byte(body)}}
		if x.fenced() != again {
			t.Errorf("%s: a retry may do it again: %v", body, !again)
		}
	}
}
