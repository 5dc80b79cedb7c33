package store

import (
	"errors"
	"net"
	"net/url"
	"os"
	"strings"

	"github.com/jackc/pgx/v5"
)

// encrypted refuses an address that leaves it to the other side whether the connection is encrypted: without sslmode the drivers' default
// is to ask, and to go on in the clear, password and all, with whoever says no. Within this machine that is nobody else.
func encrypted(location string, config *pgx.ConnConfig) error {
	// Not by url.Parse, which does not read several hosts with ports.
	_, query, _ := strings.Cut(location, "?")
	if said, err := url.ParseQuery(query); err != nil || said.Get("sslmode") != "" || os.Getenv("PGSSLMODE") != "" {
		return err
	}
	clear := config.TLSConfig == nil && !thisMachine(config.Host)
	for _, other := range config.Fallbacks {
		clear = clear || other.TLSConfig == nil && !thisMachine(other.Host)
	}
	if clear {
		return errors.New("the address of the database does not say how the connection is secured: add sslmode=verify-full (or sslmode=disable, where something else protects it)")
	}
	return nil
}

func thisMachine(host string) bool {
	ip := net.ParseIP(host)
	return strings.HasPrefix(host, "/") || strings.HasPrefix(host, "@") || strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}
