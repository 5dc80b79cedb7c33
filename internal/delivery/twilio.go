package delivery

import (
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // the gateway signs with it
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// TwilioConfig is an account at a gateway that speaks Twilio's API of 2010-04-01.
type TwilioConfig struct {
	// URL is where the API is; "" is Twilio's own.
	URL string
	// Account is the account's SID. User and Password sign in: an API key and its secret; User "" is the account itself.
	Account, User, Password string
	// From is the sender, a number or a name, or Service the SID of a messaging service.
	From, Service string
	// Callback is our address that the gateway tells how messages fare, signed with AuthToken; "" asks for nothing.
	Callback, AuthToken string
	// Timeout is for a whole request; zero is 10 s.
	Timeout time.Duration
	RootCAs *x509.CertPool
	// Now is the clock by which messages expire.
	Now func() time.Time
}

// Twilio hands text messages to a gateway that speaks Twilio's API.
type Twilio struct {
	config TwilioConfig
	target string
	caller httpCaller
}

// NewTwilio checks the configuration. It does not connect.
func NewTwilio(c TwilioConfig) (*Twilio, error) {
	if c.URL == "" {
		c.URL = "https://api.twilio.com"
	}
	if c.User == "" {
		c.User = c.Account
	}
	_, err := secureURL(c.URL)
	switch {
	case err != nil:
		return nil, fmt.Errorf("twilio: %w", err)
	case c.Account == "" || strings.ContainsAny(c.Account, "/?#%"):
		return nil, errors.New("twilio: the account is missing, or no SID")
	case c.Password == "":
		return nil, errors.New("twilio: the password is missing")
	case (c.From == "") == (c.Service == ""):
		return nil, errors.New("twilio: give one of from and service")
	case c.Now == nil:
		return nil, errors.New("twilio: the clock is missing")
	case c.Callback != "" && c.AuthToken == "":
		return nil, errors.New("twilio: without the auth_token nothing that the gateway tells can be believed")
	}
	return &Twilio{config: c, target: strings.TrimSuffix(c.URL, "/") + "/2010-04-01/Accounts/" + c.Account + "/Messages.json", caller: newHTTPCaller(c.RootCAs, c.Timeout)}, nil
}

// twilioVerdicts are the gateway's codes that say more than their status (twilio.com/docs/api/errors). The recipient is refused for good,
// or this account cannot reach it and another carrier may.
var twilioVerdicts = map[int]error{
	21211: ErrPermanent, // not a number
	21214: ErrPermanent, // cannot be reached
	21217: ErrPermanent, // does not appear to be valid
	21265: ErrPermanent, // a short code
	21604: ErrPermanent, // no recipient
	21610: ErrPermanent, // asked not to be written to
	21614: ErrPermanent, // not a mobile number
	21617: ErrPermanent, // too long
	21635: ErrPermanent, // a landline

	20429: ErrElsewhere, // too many requests
	21408: ErrElsewhere, // the account does not send to this region
	21611: ErrElsewhere, // the sender's queue is full
	21612: ErrElsewhere, // no route from this sender
	30450: ErrElsewhere, // held back as pumping
}

// Send implements Carrier.
func (t *Twilio) Send(ctx context.Context, m Message) (Receipt, error) {
	form := url.Values{"To": {m.To}, "Body": {m.Text}}
	if t.config.Service != "" {
		form.Set("MessagingServiceSid", t.config.Service)
	} else {
		form.Set("From", t.config.From)
	}
	if t.config.Callback != "" {
		form.Set("StatusCallback", t.config.Callback)
	}
	if !m.ExpiresAt.IsZero() {
		// A code that comes after its time only confuses.
		left := int(m.ExpiresAt.Sub(t.config.Now()).Seconds())
		form.Set("ValidityPeriod", strconv.Itoa(min(max(left, 10), 36_000)))
	}
	req, err := http.NewRequest(http.MethodPost, t.target, strings.NewReader(form.Encode()))
	if err != nil {
		return Receipt{}, errors.New("twilio: the request cannot be made")
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(t.config.User, t.config.Password)
	status, body, err := t.caller.do(ctx, req)
	if err != nil {
		return Receipt{}, fmt.Errorf("twilio: %w", err)
	}
	var answer struct {
		SID       string `json:"sid"`
		Code      int    `json:"code"`
		ErrorCode int    `json:"error_code"`
		Status    any    `json:"status"`
	}
	_ = json.Unmarshal(body, &answer) // without it the status says enough
	if status >= 200 && status <= 299 {
		if answer.Status == "failed" || answer.Status == "undelivered" {
			return Receipt{}, twilioRefusal(status, answer.ErrorCode)
		}
		return Receipt{ID: carrierID(answer.SID)}, nil
	}
	return Receipt{}, twilioRefusal(status, answer.Code)
}

func twilioRefusal(status, code int) error {
	err := fmt.Errorf("twilio: %d, code %d", status, code)
	verdict := twilioVerdicts[code]
	switch {
	case verdict != nil:
	case status == http.StatusTooManyRequests, status == http.StatusBadRequest:
		// What else a 400 may be is about this account or this message; it answers, and others may still go.
		verdict = ErrElsewhere
	default:
		return err
	}
	return fmt.Errorf("%w: %w", err, verdict)
}

// Callback reads what the gateway tells of a message. genuine is false unless the account's token has signed it; report is nil where
// it says nothing final.
func (t *Twilio) Callback(form url.Values, signature string) (report *Report, genuine bool) {
	if t.config.Callback == "" || !hmac.Equal([]byte(signature), []byte(twilioSignature(t.config.AuthToken, t.config.Callback, form))) {
		return nil, false
	}
	r := &Report{Receipt: Receipt{ID: carrierID(form.Get("MessageSid"))}}
	status := form.Get("MessageStatus")
	switch status {
	case "delivered":
		r.Delivered = true
	case "failed", "undelivered", "canceled":
	default:
		return nil, true
	}
	r.Reason = "twilio " + status
	if code, err := strconv.Atoi(form.Get("ErrorCode")); err == nil {
		r.Reason += " " + strconv.Itoa(code)
	}
	return r, true
}

// twilioSignature is of the address and of every field, sorted by name.
func twilioSignature(token, address string, form url.Values) string {
	mac := hmac.New(sha1.New, []byte(token))
	mac.Write([]byte(address))
	for _, name := range slices.Sorted(maps.Keys(form)) {
		for _, value := range form[name] {
			mac.Write([]byte(name + value))
		}
	}
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
