package tokenmetrics

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/assayhq/assay/fault"
)

// Limits of a conversation.
const (
	maxChat     = 64 << 10
	maxMessages = 100
)

const noChat = "No language model is connected to this server, so it does not answer questions in words. The other paths of this API have the figures."

// chat answers POST /tmai: honestly, since nobody here can talk.
func (f *Face) chat(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxChat))
	if err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			f.fail(w, r, http.StatusRequestEntityTooLarge, fault.At(fault.TooLarge, "body", "the body has more than %d bytes", maxChat))
			return
		}
		f.fail(w, r, 0, fault.At(fault.Invalid, "body", "the body could not be read"))
		return
	}
	var in struct {
		Messages []map[string]string `json:"messages"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		f.fail(w, r, 0, fault.At(fault.Invalid, "body", `the body must be JSON such as {"messages":[{"user":"question"}]}`))
		return
	}
	if len(in.Messages) == 0 || len(in.Messages) > maxMessages {
		f.fail(w, r, 0, fault.At(fault.Invalid, "messages", "messages must list 1 to %d, not %d", maxMessages, len(in.Messages)))
		return
	}
	for _, m := range in.Messages {
		_, user := m["user"]
		_, bot := m["chatbot"]
		if len(m) != 1 || !user && !bot {
			f.fail(w, r, 0, fault.At(fault.Invalid, "messages", "each message has one member, user or chatbot, with text"))
			return
		}
	}
	b := appendText([]byte(`{"success":true,"message":`), noChat)
	b = appendText(append(b, `,"answer":`...), noChat)
	b = append(b, `,"thread":[`...)
	for _, m := range append(in.Messages, map[string]string{"chatbot": noChat}) {
		for who, text := range m {
			if b[len(b)-1] == '}' {
				b = append(b, ',')
			}
			b = appendText(append(appendText(append(b, '{'), who), ':'), text)
			b = append(b, '}')
		}
	}
	send(w, r, http.StatusOK, "application/json; charset=utf-8", append(b, "]}\n"...))
}
