package binance

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/assayhq/assay/fault"
)

// apiError is a failure as the original tells it. The codes are those of its errors page.
type apiError struct {
	Code   int    `json:"code"`
	Msg    string `json:"msg"`
	status int    // 0: 400
}

func (e *apiError) Error() string { return fmt.Sprintf("%d: %s", e.Code, e.Msg) }

func bad(code int, format string, args ...any) error {
	return &apiError{Code: code, Msg: fmt.Sprintf(format, args...)}
}

func unsupported(format string, args ...any) *apiError {
	return &apiError{Code: -1020, Msg: "This operation is not supported: " + fmt.Sprintf(format, args...) + "."}
}

func mandatory(name string) error {
	return bad(-1102, "Mandatory parameter '%s' was not sent, was empty/null, or malformed.", name)
}

func malformed(name, form string) error {
	return bad(-1100, "Illegal characters found in parameter '%s'; legal range is '%s'.", name, form)
}

func invalid(name string) error {
	return bad(-1130, "Data sent for parameter '%s' is not valid.", name)
}

// busy is for what is known but cannot be had now.
func busy(format string, args ...any) error {
	return &apiError{Code: -1001, Msg: "Internal error; unable to process your request. Please try again. (" + fmt.Sprintf(format, args...) + ")", status: http.StatusServiceUnavailable}
}

// apiErrorOf turns a failure of any kind into the original's.
func apiErrorOf(err error) (int, *apiError) {
	if e, ok := errors.AsType[*apiError](err); ok {
		return max(e.status, 400), e
	}
	switch fault.Of(err) {
	case fault.Invalid:
		return http.StatusBadRequest, &apiError{Code: -1130, Msg: fault.Public(err)}
	case fault.Unknown:
		return http.StatusNotFound, &apiError{Code: -1020, Msg: fault.Public(err)}
	case fault.Unauthentic, fault.Denied:
		return http.StatusUnauthorized, &apiError{Code: -2015, Msg: "Invalid API-key, IP, or permissions for action. (" + fault.Public(err) + ")"}
	case fault.Exhausted:
		return http.StatusTooManyRequests, &apiError{Code: -1003, Msg: "Too many requests; " + fault.Public(err)}
	case fault.TooLarge:
		return http.StatusRequestEntityTooLarge, &apiError{Code: -1101, Msg: fault.Public(err)}
	case fault.Unavailable:
		return http.StatusServiceUnavailable, &apiError{Code: -1001, Msg: "Internal error; unable to process your request. Please try again. (" + fault.Public(err) + ")"}
	}
	return http.StatusInternalServerError, &apiError{Code: -1000, Msg: "An unknown error occurred while processing the request."}
}

// Fail writes a failure that arises before the handler, such as a wrong key or a limit.
// It is for api.Mount.Fail.
func Fail(w http.ResponseWriter, _ *http.Request, _ int, err error) {
	status, e := apiErrorOf(err)
	send(w, status, e)
}
