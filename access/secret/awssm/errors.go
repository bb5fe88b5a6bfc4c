package awssm

import (
	"errors"
	"net/http"

	"github.com/assayhq/assay/access/secret"
	"github.com/assayhq/assay/fault"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// codes gives the service's codes their kinds: those of Secrets Manager and those common
// to all services (docs.aws.amazon.com/secretsmanager/latest/apireference/CommonErrors.html).
var codes = map[string]fault.Kind{
	"ResourceNotFoundException":   fault.Unknown,
	"ResourceExistsException":     fault.Conflict,
	"InvalidRequestException":     fault.Conflict, // such as scheduled for deletion
	"PreconditionNotMetException": fault.Conflict,
	"InvalidParameterException":   fault.Invalid,
	"ValidationException":         fault.Invalid,
	"LimitExceededException":      fault.Exhausted,
	"InternalServiceError":        fault.Unavailable,
	"InternalServiceErrorFault":   fault.Unavailable,
	"ServiceUnavailable":          fault.Unavailable,
	"ThrottlingException":         fault.Unavailable,
	"RequestLimitExceeded":        fault.Unavailable,
	"EncryptionFailure":           fault.Denied, // the key that encrypts is not ours to use
	"DecryptionFailure":           fault.Denied,
	"AccessDeniedException":       fault.Denied,
	"AccessDenied":                fault.Denied,
	"NotAuthorized":               fault.Denied,
	"OptInRequired":               fault.Denied,
	"UnrecognizedClientException": fault.Unauthentic,
	"InvalidClientTokenId":        fault.Unauthentic,
	"InvalidSignatureException":   fault.Unauthentic,
	"SignatureDoesNotMatch":       fault.Unauthentic,
	"IncompleteSignature":         fault.Unauthentic,
	"MissingAuthenticationToken":  fault.Unauthentic,
	"ExpiredToken":                fault.Unauthentic,
	"ExpiredTokenException":       fault.Unauthentic,
	"RequestExpired":              fault.Unauthentic,
}

// kind gives an error of the SDK its kind.
func kind(err error, what string) error {
	if err == nil {
		return nil
	}
	var ours *fault.Error // of keys
	if errors.As(err, &ours) {
		return fault.Wrap(ours.Kind, err, "AWS Secrets Manager was not asked to %s: %s", what, ours.Public)
	}
	var said smithy.APIError
	if errors.As(err, &said) {
		if k, ok := codes[said.ErrorCode()]; ok {
			return fault.Wrap(k, err, "AWS Secrets Manager did not %s: %s", what, said.ErrorCode())
		}
	}
	var answer *smithyhttp.ResponseError
	if errors.As(err, &answer) && answer.HTTPStatusCode() > 0 { // 0: there was no answer
		k := fault.Internal
		switch c := answer.HTTPStatusCode(); {
		case c >= 500:
			k = fault.Unavailable
		case c == http.StatusForbidden:
			k = fault.Denied
		case c == http.StatusUnauthorized:
			k = fault.Unauthentic
		case c == http.StatusTooManyRequests:
			k = fault.Unavailable
		}
		return fault.Wrap(k, err, "AWS Secrets Manager did not %s: it answered %d", what, answer.HTTPStatusCode())
	}
	return fault.Wrap(fault.Unavailable, err, "AWS Secrets Manager was not reached to %s", what)
}

// maxAnswer is the most that an answer may hold, in bytes: one value, escaped to six
// times its length at worst, and a little more.
const maxAnswer = 6*secret.MaxValue + 64<<10
