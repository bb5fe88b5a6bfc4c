package audit_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/assayhq/assay/access/audit"
	"github.com/assayhq/assay/fault"
)

func TestALeafIsWrittenOneWay(t *testing.T) {
	e := audit.Entry{
		Seq: 41, At: time.Date(2026, 8, 21, 14, 0, 0, 120_000_000, time.FixedZone("", 7200)), Actor: "key_7f3a", Action: "ring.rotated",
		Org: "org_acme", Subject: "ring_1", Request: "req_9", Epoch: 12,
		Detail: map[string]string{"z": "<&>", "a": "\"\\\b\t\n\f\r\x00\x1f\x7f\u2028é😀", "a.b": ""},
	}
	const want = `{"action":"ring.rotated","actor":"key_7f3a","at":"2026-08-21T12:00:00.12Z",` +
		`"detail":{"a":"\"\\\b\t\n\f\r\u0000\u001f` + "\x7f\u2028é😀" + `","a.b":"","z":"<&>"},` +
		`"epoch":12,"org":"org_acme","request":"req_9","seq":41,"subject":"ring_1"}`
	for range 20 { // the order of a map varies
		leaf, err := e.Leaf()
		if err != nil || string(leaf) != want {
			t.Fatalf("got  %s\nwant %s\nerr  %v", leaf, want, err)
		}
	}
	back, err := audit.ParseLeaf([]byte(want))
	e.At = e.At.UTC()
	if err != nil || !reflect.DeepEqual(back, e) {
		t.Fatalf("got %+v, %v", back, err)
	}
	if !json.Valid([]byte(want)) {
		t.Fatal("it is not JSON")
	}
}

func TestEmptyFieldsAreLeftOut(t *testing.T) {
	leaf, err := audit.Entry{At: noon, Actor: "cli", Action: "log.begun", Detail: map[string]string{}}.Leaf()
	if want := `{"action":"log.begun","actor":"cli","at":"2026-08-21T12:00:00Z","seq":0}`; err != nil || string(leaf) != want {
		t.Fatalf("got %s, %v", leaf, err)
	}
}

func TestAnotherWayToWriteALeafIsRefused(t *testing.T) {
	const good = `{"action":"key.created","actor":"cli","at":"2026-08-21T12:00:00Z","detail":{"a":"x","b":"y"},"epoch":3,"seq":7,"subject":"é"}`
	if _, err := audit.ParseLeaf([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for why, edit := range map[string][2]string{
		"white space":         {`,"seq"`, `, "seq"`},
		"trailing":            {`"é"}`, `"é"}` + "\n"},
		"needless escape":     {`"é"`, `"\u00e9"`},
		"escaped slash":       {`"x"`, `"\/"`},
		"capital hex":         {`"x"`, `"\u001F"`},
		"long form of \\n":    {`"x"`, `"\u000a"`},
		"raw control":         {`"x"`, "\"\x01\""},
		"lone surrogate":      {`"x"`, `"\ud800"`},
		"broken UTF-8":        {`"x"`, "\"\xff\""},
		"fraction ends in 0":  {`00Z`, `00.10Z`},
		"comma in fraction":   {`00Z`, `00,1Z`},
		"offset":              {`00Z`, `00+00:00`},
		"no zone":             {`00Z`, `00`},
		"day that is not":     {`08-21`, `02-30`},
		"unsorted":            {`"a":"x","b":"y"`, `"b":"y","a":"x"`},
		"twice":               {`"b":"y"`, `"a":"y"`},
		"empty detail":        {`"a":"x","b":"y"`, ``},
		"zero epoch":          {`"epoch":3`, `"epoch":0`},
		"zeros before":        {`"epoch":3`, `"epoch":03`},
		"float":               {`"epoch":3`, `"epoch":3.0`},
		"exponent":            {`"epoch":3`, `"epoch":3e0`},
		"negative":            {`"seq":7`, `"seq":-7`},
		"huge":                {`"seq":7`, `"seq":99999999999999999999`},
		"too large":           {`"seq":7`, `"seq":9007199254740993`},
		"seq as text":         {`"seq":7`, `"seq":"7"`},
		"no seq":              {`"seq":7,`, ``},
		"unknown name":        {`,"seq"`, `,"rank":"x","seq"`},
		"other case":          {`"actor"`, `"Actor"`},
		"null":                {`"subject":"é"`, `"subject":null`},
		"empty subject":       {`"subject":"é"`, `"subject":""`},
		"action without dots": {`key.created`, `key`},
		"action in capitals":  {`key.created`, `Key.created`},
		"no actor":            {`"actor":"cli"`, `"actor":""`},
		"detail name":         {`"a":"x"`, `"A":"x"`},
		"nested":              {`"a":"x"`, `"a":{"a":"x"}`},
	} {
		bad := strings.Replace(good, edit[0], edit[1], 1)
		if bad == good {
			t.Fatalf("%s: the edit changed nothing", why)
		}
		if e, err := audit.ParseLeaf([]byte(bad)); fault.Of(err) != fault.Invalid {
			t.Errorf("%s: %s was read as %+v, %v", why, bad, e, err)
		}
	}
	for n := range len(good) {
		if _, err := audit.ParseLeaf([]byte(good[:n])); err == nil {
			t.Errorf("the first %d bytes were accepted", n)
		}
	}
}

func TestAnEntryOutsideItsBoundsIsRefused(t *testing.T) {
	many := map[string]string{}
	for i := range audit.MaxDetails + 1 {
		many[fmt.Sprintf("d%d", i)] = ""
	}
	long := strings.Repeat("x", audit.MaxName+1)
	for field, edit := range map[string]func(*audit.Entry){
		"seq":       func(e *audit.Entry) { e.Seq = audit.MaxSize },
		"at":        func(e *audit.Entry) { e.At = time.Time{} },
		"epoch":     func(e *audit.Entry) { e.Epoch = audit.MaxEpoch + 1 },
		"actor":     func(e *audit.Entry) { e.Actor = long },
		"org":       func(e *audit.Entry) { e.Org = "\xff" },
		"subject":   func(e *audit.Entry) { e.Subject = long },
		"request":   func(e *audit.Entry) { e.Request = long },
		"action":    func(e *audit.Entry) { e.Action = "key..created" },
		"detail":    func(e *audit.Entry) { e.Detail = many },
		"detail.ip": func(e *audit.Entry) { e.Detail = map[string]string{"ip": "\xc3\x28secret"} },
	} {
		e := entry(1)
		edit(&e)
		_, err := e.Leaf()
		if fault.Of(err) != fault.Invalid || fault.Field(err) != field {
			t.Errorf("%s: %v (field %q)", field, err, fault.Field(err))
		}
		if strings.Contains(fmt.Sprint(err), "secret") {
			t.Errorf("%s: the value of a detail got into the error: %v", field, err)
		}
	}
	e := entry(1)
	e.Detail = map[string]string{"big": strings.Repeat("\x01", audit.MaxLeaf/6)} // grows sixfold when escaped
	if _, err := e.Leaf(); fault.Of(err) != fault.TooLarge {
		t.Errorf("a leaf above the limit: %v", err)
	}
	if _, err := audit.ParseLeaf(bytes.Repeat([]byte("{"), audit.MaxLeaf+1)); fault.Of(err) != fault.TooLarge {
		t.Errorf("a leaf above the limit was parsed: %v", err)
	}
}

func FuzzParseLeaf(f *testing.F) {
	for i := range 4 {
		e := entry(i)
		e.Seq = int64(i)
		leaf, err := e.Leaf()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(leaf)
	}
	f.Add([]byte(`{"action":"a.b","actor":"\ud83d\ude00","at":"2026-08-21T12:00:00Z","seq":0}`))
	f.Add([]byte(`{"action":"a.b","actor":"c","at":"2026-08-21T12:00:00Z","detail":{"a":"","a":""},"seq":0}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := audit.ParseLeaf(b)
		if err != nil {
			return
		}
		again, err := e.Leaf()
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("read from   %q\nis written %q, %v", b, again, err)
		}
		// A stranger's parser must see the same values.
		var o struct {
			Action, Actor, Org, Subject, Request string
			At                                   time.Time
			Detail                               map[string]string
			Epoch, Seq                           int64
		}
		if err := json.Unmarshal(b, &o); err != nil {
			t.Fatalf("%q is not JSON: %v", b, err)
		}
		theirs := audit.Entry{Seq: o.Seq, At: o.At.UTC(), Actor: o.Actor, Action: o.Action, Org: o.Org, Subject: o.Subject, Request: o.Request, Epoch: o.Epoch, Detail: o.Detail}
		if !reflect.DeepEqual(e, theirs) {
			t.Fatalf("we read %+v, encoding/json %+v", e, theirs)
		}
	})
}

// What is written is read back, whatever the strings hold.
func FuzzAnEntrySurvivesItsLeaf(f *testing.F) {
	f.Add("cli", "org", "sub", "value\x00\"\\", int64(7), int64(1_700_000_000_000_000_001))
	f.Fuzz(func(t *testing.T, actor, org, subject, value string, epoch, ns int64) {
		e := audit.Entry{At: time.Unix(0, ns).UTC(), Actor: actor, Action: "key.created", Org: org, Subject: subject, Epoch: epoch, Detail: map[string]string{"v": value}}
		leaf, err := e.Leaf()
		if err != nil {
			return
		}
		if back, err := audit.ParseLeaf(leaf); err != nil || !reflect.DeepEqual(back, e) {
			t.Fatalf("%+v became %+v, %v by way of %q", e, back, err, leaf)
		}
	})
}
