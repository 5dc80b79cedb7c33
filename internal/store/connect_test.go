package store

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
)

// Whoever sets an installation up has to tell a wrong port from a wrong authority and a wrong password.
func TestAConnectionThatCannotBeMadeSaysWhyAndKeepsThePassword(t *testing.T) {
	closed := func() string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		return l.Addr().String()
	}
	one, two := closed(), closed()
	const password = "hunter2-hunter2"
	for _, c := range []struct {
		parameters  string
		unavailable bool
		says        []string
	}{
		{"sslmode=verify-full", true, []string{one, two, "connection refused"}},
		{"sslmode=verify-full&sslrootcert=/nowhere/ca.crt", false, []string{"/nowhere/ca.crt"}},
		{"sslmode=fully", false, []string{"want postgres://USER@HOST:PORT/NAME?sslmode=verify-full"}},
	} {
		_, err := Migrate(context.Background(), fmt.Sprintf("postgres://countersign:%s@%s,%s/countersign?%s", password, one, two, c.parameters), start)
		if err == nil {
			t.Fatalf("%s: connected", c.parameters)
		}
		for _, says := range c.says {
			if !strings.Contains(err.Error(), says) {
				t.Errorf("%s: %q does not say %q", c.parameters, err, says)
			}
		}
		if strings.Contains(err.Error(), password) {
			t.Errorf("%s: the password is in %q", c.parameters, err)
		}
		if errors.Is(err, ErrUnavailable) != c.unavailable {
			t.Errorf("%s: %v", c.parameters, err)
		}
	}
}
