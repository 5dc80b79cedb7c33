package delivery

import (
	"bytes"
	"cmp"
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// HTTPSMSConfig describes the request by which a gateway takes a text message, and its answers.
//
// In URL, Headers and the body, {to} stands for the number as E.164, {digits} for the same without its plus, {text} for the text, {id}
// for an id that is the same whenever the message is sent again, and {secret.NAME} for one of Secrets. Each is put in so that it stays
// one value, whatever is in it: escaped in JSON, XML and forms. URL and Headers end up in logs of others, and have neither number nor text.
type HTTPSMSConfig struct {
	// Method is POST or PUT; "" is POST.
	Method string
	// URL is https.
	URL     string
	Headers map[string]string
	// One of these at most is the body. JSON is any document, in whose strings the places are; Form has the fields of a form; XML is a
	// document, Text is plain. ContentType is told where it is not the usual one.
	JSON        json.RawMessage
	Form        map[string]string
	XML, Text   string
	ContentType string
	Secrets     map[string]string

	// Accepted are the statuses that mean yes; none is every 2xx. Permanent are those by which this recipient is refused for good; none is 400 and 422.
	Accepted, Permanent []int
	// AcceptedBody, where it is set, must match the answer's body too. PermanentBody, where it matches that of any other answer, makes it
	// a refusal for good.
	AcceptedBody, PermanentBody string
	// ID is a pattern whose first group is what the gateway calls the message.
	ID string

	// Timeout is for a whole request; zero is 10 s.
	Timeout time.Duration
	// RootCAs are the authorities that the gateway's certificate is checked against; nil are the system's.
	RootCAs *x509.CertPool
}

// HTTPSMS hands text messages to a gateway by a request of the operator's making.
type HTTPSMS struct {
	config                          HTTPSMSConfig
	accepted, permanent, identifier *regexp.Regexp
	caller                          httpCaller
}

// SimpleHTTPSMS is a gateway that takes the JSON object {"to","text"} with a bearer token.
func SimpleHTTPSMS(url, token string) HTTPSMSConfig {
	return HTTPSMSConfig{
		URL: url, JSON: json.RawMessage(`{"to": "{to}", "text": "{text}"}`),
		Headers: map[string]string{"Authorization": "Bearer {secret.token}"}, Secrets: map[string]string{"token": token},
	}
}

// NewHTTPSMS checks the configuration, by composing a request whose values have in them what could break out of their places. It does not connect.
func NewHTTPSMS(c HTTPSMSConfig) (*HTTPSMS, error) {
	s := &HTTPSMS{config: c, caller: newHTTPCaller(c.RootCAs, c.Timeout)}
	if c.Method == "" {
		s.config.Method = http.MethodPost
	}
	bodies := 0
	for _, given := range []bool{c.JSON != nil, c.Form != nil, c.XML != "", c.Text != ""} {
		if given {
			bodies++
		}
	}
	switch {
	case bodies > 1:
		return nil, errors.New("sms: give one of json, form, xml and text")
	case bodies == 0:
		return nil, errors.New("sms: the body is missing")
	case s.config.Method != http.MethodPost && s.config.Method != http.MethodPut:
		return nil, errors.New("sms: the method is neither POST nor PUT")
	case c.Text != "" && !strings.HasPrefix(c.ContentType, "text/plain"):
		return nil, errors.New("sms: a body of text is text/plain; for anything else there are json, form and xml, which escape what is put in")
	case !strings.Contains(fmt.Sprint(c.XML, c.Text, string(c.JSON), c.Form), "{text}"):
		return nil, errors.New("sms: the body has no {text}")
	}
	for name, value := range c.Secrets {
		if value == "" || strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }) {
			return nil, fmt.Errorf("sms: the secret %q is missing or not printable", name)
		}
	}
	for pattern, into := range map[*string]**regexp.Regexp{&c.AcceptedBody: &s.accepted, &c.PermanentBody: &s.permanent, &c.ID: &s.identifier} {
		if *pattern == "" {
			continue
		}
		compiled, err := regexp.Compile(*pattern)
		if err != nil {
			return nil, fmt.Errorf("sms: %q is not a pattern", *pattern)
		}
		*into = compiled
	}
	if s.identifier != nil && s.identifier.NumSubexp() < 1 {
		return nil, errors.New("sms: the pattern of the id has no group")
	}
	for _, open := range []string{"{text}", "{to}", "{digits}"} {
		if strings.Contains(fmt.Sprint(c.URL, c.Headers), open) {
			return nil, fmt.Errorf("sms: %s belongs into the body: addresses and headers end up in logs", open)
		}
	}
	trial := Message{To: "+447700900078", Text: "a \"quoted\" <text> & more\n\\ {to} {secret.x} é\u2028 #1", ID: "msg_trial"}
	req, err := s.request(trial)
	if err != nil {
		return nil, err
	}
	if c.XML != "" {
		if err := wellFormed(req.Body); err != nil {
			return nil, errors.New("sms: the XML is not well-formed once its values are in")
		}
	}
	// Where the request goes must not depend on who gets the message.
	target, _, _ := strings.Cut(c.URL, "?")
	if host, err := url.Parse(target); err != nil || strings.ContainsAny(host.Host, "{}") {
		return nil, errors.New("sms: the gateway's host is not fixed")
	}
	return s, nil
}

func wellFormed(r io.Reader) error {
	d := xml.NewDecoder(r)
	for elements := 0; ; {
		switch token, err := d.Token(); {
		case err == io.EOF && elements > 0:
			return nil
		case err == io.EOF:
			return io.ErrUnexpectedEOF
		case err != nil:
			return err
		default:
			if _, is := token.(xml.StartElement); is {
				elements++
			}
		}
	}
}

var place = regexp.MustCompile(`\{[a-z]+(?:\.[A-Za-z0-9_-]+)?\}`)

// fill puts values into the places of a template, in one pass: a value with a place in it is not filled again.
func (s *HTTPSMS) fill(template string, m Message, escape func(string) string) (string, error) {
	var unknown error
	out := place.ReplaceAllStringFunc(template, func(found string) string {
		name := found[1 : len(found)-1]
		value := ""
		switch key, of, _ := strings.Cut(name, "."); {
		case name == "to":
			value = m.To
		case name == "digits":
			value = strings.TrimPrefix(m.To, "+")
		case name == "text":
			value = m.Text
		case name == "id":
			value = m.ID
		case key == "secret" && s.config.Secrets[of] != "":
			value = s.config.Secrets[of]
		default:
			unknown = fmt.Errorf("sms: nothing is known of %s", found)
		}
		return escape(value)
	})
	return out, unknown
}

func asIs(s string) string { return s }

func asXML(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder takes everything
	return b.String()
}

// asQuery leaves no character that means anything in any part of a URL.
func asQuery(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

func (s *HTTPSMS) request(m Message) (*http.Request, error) {
	c := s.config
	target, err := s.fill(c.URL, m, asQuery)
	if err != nil {
		return nil, err
	}
	u, err := secureURL(target)
	if err != nil {
		return nil, fmt.Errorf("sms: %w", err)
	}
	var body []byte
	kind := c.ContentType
	switch {
	case c.JSON != nil:
		kind = cmp.Or(kind, "application/json")
		body, err = s.json(m)
	case c.Form != nil:
		kind = cmp.Or(kind, "application/x-www-form-urlencoded")
		values := url.Values{}
		for name, template := range c.Form {
			value, problem := s.fill(template, m, asIs)
			values.Set(name, value)
			err = errors.Join(err, problem)
		}
		body = []byte(values.Encode())
	case c.XML != "":
		kind = cmp.Or(kind, "text/xml; charset=utf-8")
		var text string
		text, err = s.fill(c.XML, m, asXML)
		body = []byte(text)
	case c.Text != "":
		var text string
		text, err = s.fill(c.Text, m, asIs)
		body = []byte(text)
	}
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequest(c.Method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("sms: the request cannot be made")
	}
	req.Header.Set("Content-Type", kind)
	for name, template := range c.Headers {
		value, err := s.fill(template, m, asIs)
		if err != nil {
			return nil, err
		}
		if strings.ContainsFunc(name+value, func(r rune) bool { return r < ' ' || r > '~' }) {
			return nil, fmt.Errorf("sms: the header %q has a character that no header may have", name)
		}
		req.Header.Set(name, value)
	}
	return req, nil
}

// json fills the strings of the document, so that nothing in a value can end its string.
func (s *HTTPSMS) json(m Message) ([]byte, error) {
	var document any
	d := json.NewDecoder(bytes.NewReader(s.config.JSON))
	d.UseNumber()
	if err := d.Decode(&document); err != nil {
		return nil, errors.New("sms: the JSON is not a document")
	}
	var walk func(v any) (any, error)
	walk = func(v any) (any, error) {
		var err error
		switch v := v.(type) {
		case string:
			return s.fill(v, m, asIs)
		case []any:
			for i := range v {
				if v[i], err = walk(v[i]); err != nil {
					return nil, err
				}
			}
		case map[string]any:
			for _, name := range slices.Collect(maps.Keys(v)) {
				if v[name], err = walk(v[name]); err != nil {
					return nil, err
				}
			}
		}
		return v, nil
	}
	filled, err := walk(document)
	if err != nil {
		return nil, err
	}
	return json.Marshal(filled)
}

// Send implements Carrier.
func (s *HTTPSMS) Send(ctx context.Context, m Message) (Receipt, error) {
	req, err := s.request(m)
	if err != nil {
		return Receipt{}, err
	}
	status, body, err := s.caller.do(ctx, req)
	if err != nil {
		return Receipt{}, fmt.Errorf("sms: %w", err)
	}
	good := status >= 200 && status <= 299
	if len(s.config.Accepted) > 0 {
		good = slices.Contains(s.config.Accepted, status)
	}
	matched := s.accepted == nil || s.accepted.Match(body)
	switch {
	case good && matched:
		return Receipt{ID: s.identify(body)}, nil
	case s.permanent != nil && s.permanent.Match(body), len(s.config.Permanent) > 0 && slices.Contains(s.config.Permanent, status):
		return Receipt{}, fmt.Errorf("sms: the gateway answered %d: %w", status, ErrPermanent)
	case good:
		return Receipt{}, fmt.Errorf("sms: the gateway answered %d, and not as accepted: %w", status, ErrElsewhere)
	case len(s.config.Permanent) > 0 && (status == http.StatusBadRequest || status == http.StatusUnprocessableEntity):
		return Receipt{}, fmt.Errorf("sms: the gateway answered %d: %w", status, ErrElsewhere)
	}
	return Receipt{}, refusedBy(status)
}

func (s *HTTPSMS) identify(body []byte) string {
	if s.identifier == nil {
		return ""
	}
	found := s.identifier.FindSubmatch(body)
	if found == nil {
		return ""
	}
	return carrierID(string(found[1]))
}

// carrierID keeps of what a carrier calls a message what an id is made of: it is stored.
func carrierID(s string) string {
	s = strings.Map(func(r rune) rune {
		if r > ' ' && r <= '~' {
			return r
		}
		return -1
	}, s)
	return s[:min(len(s), 100)]
}
