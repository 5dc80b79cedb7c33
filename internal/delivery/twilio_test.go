package delivery

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func twilio(t *testing.T, change func(*TwilioConfig), handler http.HandlerFunc) *Twilio {
	t.Helper()
	address, roots := serveTLS(t, handler)
	c := TwilioConfig{URL: address, Account: "AC00000000000000000000000000000001", User: "SK1", Password: "s3cret", From: "Exchange", RootCAs: roots, Timeout: 500 * time.Millisecond,
		Now: func() time.Time { return noon }}
	if change != nil {
		change(&c)
	}
	s, err := NewTwilio(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTwilioGetsItsForm(t *testing.T) {
	var form url.Values
	s := twilio(t, func(c *TwilioConfig) {
		c.Callback, c.AuthToken = "https://accounts.exchange.example/v1/carriers/twilio/status", "token"
	}, func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if r.Method != http.MethodPost || r.URL.Path != "/2010-04-01/Accounts/AC00000000000000000000000000000001/Messages.json" || user != "SK1" || password != "s3cret" || r.ParseForm() != nil {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		form = r.PostForm
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"sid":"SM42","status":"queued","error_code":null}`)
	})
	receipt, err := s.Send(t.Context(), Message{To: "+447700900078", Text: nasty, ExpiresAt: noon.Add(10 * time.Minute)})
	if err != nil || receipt.ID != "SM42" {
		t.Fatal(receipt, err)
	}
	want := url.Values{"To": {"+447700900078"}, "From": {"Exchange"}, "Body": {nasty}, "ValidityPeriod": {"600"}, "StatusCallback": {"https://accounts.exchange.example/v1/carriers/twilio/status"}}
	if form.Encode() != want.Encode() {
		t.Errorf("%v", form)
	}
	service := twilio(t, func(c *TwilioConfig) { c.From, c.Service, c.User = "", "MG1", "" }, func(w http.ResponseWriter, r *http.Request) {
		user, _, _ := r.BasicAuth()
		if r.PostFormValue("MessagingServiceSid") != "MG1" || r.PostForm.Has("From") || user != "AC00000000000000000000000000000001" {
			w.WriteHeader(http.StatusTeapot)
		}
	})
	if _, err := service.Send(t.Context(), Message{To: "+447700900078", Text: "x"}); err != nil {
		t.Error(err)
	}
}

func TestTwilioTellsForGoodFromForNow(t *testing.T) {
	var answer atomic.Value
	s := twilio(t, nil, func(w http.ResponseWriter, _ *http.Request) {
		a := answer.Load().([2]int)
		w.WriteHeader(a[0])
		_, _ = fmt.Fprintf(w, `{"code": %d, "error_code": %[1]d, "message": "The number +447700900078 …", "status": "failed"}`, a[1])
	})
	for _, c := range []struct {
		status, code    int
		permanent, away bool
	}{
		{400, 21211, true, false}, {400, 21610, true, false}, {400, 21614, true, false}, {400, 21408, false, true}, {400, 21612, false, true}, {429, 20429, false, true}, {429, 0, false, true},
		{400, 99999, false, true}, {401, 20003, false, false}, {403, 20005, false, false}, {404, 20404, false, false}, {500, 20500, false, false}, {503, 0, false, false}, {201, 21610, true, false},
	} {
		answer.Store([2]int{c.status, c.code})
		_, err := s.Send(t.Context(), Message{To: "+447700900078", Text: "482913"})
		if err == nil || errors.Is(err, ErrPermanent) != c.permanent || errors.Is(err, ErrElsewhere) != c.away || strings.Contains(err.Error(), "+44") || c.code > 0 && !strings.Contains(err.Error(), fmt.Sprint(c.code)) {
			t.Errorf("%d %d: %v", c.status, c.code, err)
		}
	}
}

func TestTwilioSignsAsTwilioDoes(t *testing.T) {
	// The example of Twilio's documentation and libraries.
	form := url.Values{"CallSid": {"CA1234567890ABCDE"}, "Caller": {"+14158675309"}, "Digits": {"1234"}, "From": {"+14158675309"}, "To": {"+18005551212"}}
	if got := twilioSignature("12345", "https://mycompany.com/myapp.php?foo=1&bar=2", form); got != "RSOYDt4T1cUTdK1PDd93/VVr8B8=" {
		t.Errorf("%s", got)
	}
}

func TestTwilioIsBelievedWhenItSigned(t *testing.T) {
	const address, token = "https://accounts.exchange.example/v1/carriers/twilio/status", "token"
	s := twilio(t, func(c *TwilioConfig) { c.Callback, c.AuthToken = address, token }, nil)
	carriers := map[string]Carrier{ChannelSMS: route(t, nil, nil, s)}
	for status, want := range map[string]*Report{
		"delivered":   {Receipt{"a", "SM42"}, true, "twilio delivered"},
		"undelivered": {Receipt{"a", "SM42"}, false, "twilio undelivered 30003"},
		"failed":      {Receipt{"a", "SM42"}, false, "twilio failed 30003"},
		"sent":        nil,
		"queued":      nil,
	} {
		form := url.Values{"MessageSid": {"SM42"}, "MessageStatus": {status}, "To": {"+447700900078"}}
		if status != "delivered" {
			form.Set("ErrorCode", "30003")
		}
		report, genuine := Callback(carriers, "a", form, twilioSignature(token, address, form))
		if !genuine || (report == nil) != (want == nil) || report != nil && *report != *want {
			t.Errorf("%s: %+v, %t", status, report, genuine)
		}
		for name, signature := range map[string]string{"none": "", "of another token": twilioSignature("x", address, form), "of another address": twilioSignature(token, address+"x", form)} {
			if _, genuine := Callback(carriers, "a", form, signature); genuine {
				t.Errorf("a signature: %s: believed", name)
			}
		}
		signed := twilioSignature(token, address, form)
		form.Set("MessageSid", "SM43")
		if _, genuine := Callback(carriers, "a", form, signed); genuine {
			t.Error("of another message: believed")
		}
		if _, genuine := Callback(carriers, "b", form, twilioSignature(token, address, form)); genuine {
			t.Error("of a carrier that there is not: believed")
		}
	}
	deaf := twilio(t, nil, nil)
	if _, genuine := deaf.Callback(url.Values{}, twilioSignature("", "", nil)); genuine {
		t.Error("without a token anybody is believed")
	}
}

func TestTwilioConfigurationIsChecked(t *testing.T) {
	good := TwilioConfig{Account: "AC1", Password: "x", From: "+1", Now: time.Now}
	if _, err := NewTwilio(good); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*TwilioConfig){
		"plain http":       func(c *TwilioConfig) { c.URL = "http://api.example" },
		"no account":       func(c *TwilioConfig) { c.Account = "" },
		"a path":           func(c *TwilioConfig) { c.Account = "AC1/../x" },
		"no password":      func(c *TwilioConfig) { c.Password = "" },
		"no sender":        func(c *TwilioConfig) { c.From = "" },
		"two senders":      func(c *TwilioConfig) { c.Service = "MG1" },
		"nothing to trust": func(c *TwilioConfig) { c.Callback = "https://x.example" },
		"no clock":         func(c *TwilioConfig) { c.Now = nil },
	} {
		c := good
		spoil(&c)
		if _, err := NewTwilio(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
