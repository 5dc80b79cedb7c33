package delivery

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// httpCaller speaks to gateways over HTTP.
type httpCaller struct{ client *http.Client }

func newHTTPCaller(roots *x509.CertPool, timeout time.Duration) httpCaller {
	if timeout == 0 {
		timeout = memberTimeout
	}
	return httpCaller{&http.Client{
		Transport: &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			TLSClientConfig:     &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			ForceAttemptHTTP2:   true,
			MaxIdleConnsPerHost: senders,
			IdleConnTimeout:     90 * time.Second,
		},
		Timeout: timeout,
		// A redirect would carry secrets and text to whoever the answer names.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// maxAnswer is how much of an answer is read.
const maxAnswer = 64 << 10

// do makes a request and reads the answer, which is not for logs: gateways repeat the number.
func (c httpCaller) do(ctx context.Context, req *http.Request) (status int, body []byte, err error) {
	res, err := c.client.Do(req.WithContext(ctx))
	if err != nil {
		// A url.Error repeats the URL, which may hold a secret.
		var outer *url.Error
		if errors.As(err, &outer) {
			err = outer.Err
		}
		return 0, nil, err
	}
	defer func() { _ = res.Body.Close() }()
	body, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		// The status is the answer; what it is called there is not worth sending it twice.
		return res.StatusCode, nil, nil
	}
	return res.StatusCode, body, nil
}

// secureURL checks the address of a gateway.
func secureURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Fragment != "":
		return nil, errors.New("the gateway's URL is not one")
	case u.Scheme != "https":
		return nil, errors.New("the gateway's URL is not https")
	}
	return u, nil
}

// refusedBy is the failure that a gateway's status stands for, where its body says no more.
func refusedBy(status int) error {
	err := fmt.Errorf("sms: the gateway answered %d", status)
	switch status {
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		return fmt.Errorf("%w: %w", err, ErrPermanent)
	case http.StatusTooManyRequests:
		return fmt.Errorf("%w: %w", err, ErrElsewhere)
	}
	return err
}
