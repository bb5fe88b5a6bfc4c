// Package problem says how a failure looks outside: the one table from kinds of fault to
// HTTP statuses and titles, the address of the page that explains each, and what a limit
// that was broken tells.
//
// It never writes an answer and knows no caller: api and api/stream, which answer in
// forms of their own, both look here, so that one failure is told in one way. The table
// has a row for every kind there is.
package problem

import (
	"net/http"

	"github.com/assayhq/assay/fault"
)

// Code is a kind of failure as the outside knows it.
type Code struct {
	Kind   fault.Kind
	Status int    // of HTTP
	Title  string // the kind in words
	Means  string // what happened, for the page about it
	Do     string // what to do about it
}

// Codes has every kind, in the order of fault.Kinds. Nobody changes it.
var Codes = [...]Code{
	{fault.Internal, http.StatusInternalServerError, "Something failed on our side",
		"Assay has a defect, or something it relies on broke in a way it did not expect. The request may have been right.",
		"Try again in a moment. If it stays, look in the server's log for the request_id; the cause is there and only there."},
	{fault.Invalid, http.StatusBadRequest, "The request is wrong",
		"A parameter, the body or the method is not what the operation takes. Nothing was done. The member errors names each place. Unknown parameters are refused too, because a misspelled filter that is left out gives wrong data.",
		"Change what errors names. Times are milliseconds (13 digits), RFC 3339, or a date; start is inclusive and end exclusive. /docs lists every parameter."},
	{fault.Unknown, http.StatusNotFound, "There is no such thing",
		"No asset, pair, venue, key or path has this name here. A pair exists only if one of the connected venues trades it.",
		"Look at suggestions, or ask /v1/assets?q=, /v1/instruments and /v1/venues for what there is."},
	{fault.Unauthentic, http.StatusUnauthorized, "Who asks is not known",
		"The request has no key, or one that is not accepted: mistyped, revoked or expired. Which of these is told only to whoever holds the secret.",
		"Send `Authorization: Bearer asy_...`. Make a key with `assay key create`, or POST /v1/keys. Trying again with the same key does not help."},
	{fault.Denied, http.StatusForbidden, "Who asks may not",
		"The key is known, but lacks the scope that the operation needs.",
		"Use a key with that scope; /v1/me shows the scopes of the one in use."},
	{fault.Exhausted, http.StatusTooManyRequests, "A limit is used up",
		"The app behind the key, or the network of a caller without one, has asked more than its rate allows. All keys of an app share one limit.",
		"Wait for the seconds in Retry-After. RateLimit tells what is left before it comes to this; operations cost different amounts, see /docs. With violated-policies each limit that was broken is named, with what is left of it; the type of such an answer is https://iana.org/assignments/http-problem-types#quota-exceeded. A limit without a reset (concurrency, connections, subscriptions) comes back when something of yours ends; /v1/me shows all of them."},
	{fault.Conflict, http.StatusConflict, "The state does not allow it",
		"The request fits more than one thing, such as a ticker that several assets bear, or something else already is as it asks.",
		"With candidates: ask again with the code of the one that is meant."},
	{fault.Unavailable, http.StatusServiceUnavailable, "Something is out of reach",
		"A store or another part that the answer needs does not answer now. The request and the key may well be right.",
		"Try again, waiting longer each time. /readyz tells what is missing."},
	{fault.Unaccepted, http.StatusNotAcceptable, "None of the formats can be written",
		"Accept, or the parameter format, asks for something that Assay does not write.",
		"Ask for application/json, application/x-ndjson, application/xml, text/csv or application/vnd.assay.columns+json, or leave Accept out."},
	{fault.TooLarge, http.StatusRequestEntityTooLarge, "More than one request may ask for or send",
		"The body or the address is longer than this server reads.",
		"Send less, or ask in several requests."},
}

// Of is the code of a kind.
func Of(k fault.Kind) *Code {
	if int(k) < len(Codes) {
		return &Codes[k]
	}
	return &Codes[fault.Internal]
}

// Page is where the code is explained, on the server that answered.
func (c *Code) Page() string { return "/errors/" + c.Kind.String() }
