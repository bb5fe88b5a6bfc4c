package limit

import (
	"net/http"
	"strconv"
	"time"
)

// HeaderDraft is the Internet-Draft that RateLimit and RateLimit-Policy follow. It is
// no RFC and expires: whoever changes the form changes this too.
const HeaderDraft = "draft-ietf-httpapi-ratelimit-headers-11"

// header is the value of RateLimit-Policy. A month has no fixed window, so it has no w.
func (p *Plan) header() string {
	var b []byte
	if p.Rate > 0 {
		b = append(b, `"burst";q=`...)
		b = strconv.AppendInt(b, p.Burst, 10)
		b = append(b, ";w="...)
		b = strconv.AppendInt(b, (p.Burst+p.Rate-1)/p.Rate, 10)
	}
	for _, q := range [...]struct {
		name, end string
		v         int64
	}{{`"day";q=`, `;w=86400;qu="requests"`, p.Daily}, {`"month";q=`, `;qu="requests"`, p.Monthly}} {
		if q.v == 0 {
			continue
		}
		if len(b) > 0 {
			b = append(b, ", "...)
		}
		b = strconv.AppendInt(append(b, q.name...), q.v, 10)
		b = append(b, q.end...)
	}
	return string(b)
}

// Set writes the answer as headers: RateLimit-Policy and RateLimit of HeaderDraft, the
// older X-RateLimit-* (of the tightest limit) that clients know and, on refusal,
// Retry-After in whole seconds. random is any random number: it spreads Retry-After by
// up to a quarter, at least 1 and at most 30 seconds, always later, so that the refused
// do not come back together.
func (a *Answer) Set(h http.Header, random uint64) {
	var buf [160]byte
	b, tight := buf[:0], (*Standing)(nil)
	for i, s := range [...]*Standing{&a.Rate, &a.Day, &a.Month} {
		if s.Limit == 0 {
			continue
		}
		if tight == nil || s.Remaining < tight.Remaining {
			tight = s
		}
		if len(b) > 0 {
			b = append(b, ", "...)
		}
		b = append(append(append(b, '"'), policyNames[i]...), `";r=`...)
		b = strconv.AppendInt(b, s.Remaining, 10)
		b = strconv.AppendInt(append(b, ";t="...), seconds(s.Reset), 10)
	}
	if tight != nil {
		v := &[5]string{a.policy, string(b), strconv.FormatInt(tight.Limit, 10), strconv.FormatInt(tight.Remaining, 10), strconv.FormatInt(seconds(tight.Reset), 10)} // one allocation for all
		if a.policy != "" {
			h["Ratelimit-Policy"] = v[0:1:1]
		}
		h["Ratelimit"] = v[1:2:2]
		h["X-Ratelimit-Limit"] = v[2:3:3]
		h["X-Ratelimit-Remaining"] = v[3:4:4]
		h["X-Ratelimit-Reset"] = v[4:5:5]
	}
	if !a.Allowed {
		wait := max(1, seconds(a.RetryAfter))
		spread := min(max(wait/4, 1), 30)
		h["Retry-After"] = []string{strconv.FormatInt(wait+int64(random%uint64(spread+1)), 10)}
	}
}

// seconds rounds up: a client that waits them out must not come too early.
func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }
