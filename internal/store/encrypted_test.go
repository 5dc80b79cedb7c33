package store

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

func TestAnAddressSaysHowItsConnectionIsSecured(t *testing.T) {
	for location, ok := range map[string]bool{
		"postgres://u:Hush@db.internal/d":                                               false,
		"postgresql://u:Hush@10.1.2.3:5432/d?application_name=x":                        false,
		"postgres://u:Hush@db1:5432,db2:5432/d?target_session_attrs=read-write":         false,
		"postgres://u:Hush@127.0.0.1:5432,db2:5432/d":                                   false,
		"postgres://u:Hush@/d?host=db.internal":                                         false,
		"postgres://u@db.internal/d?sslmode=verify-full":                                true,
		"postgres://u@db1:5432,db2:5432/d?sslmode=verify-full&target_session_attrs=any": true,
		"postgres://u@db.internal/d?sslmode=disable":                                    true,
		"postgres://u@127.0.0.1/d":                                                      true,
		"postgres://u@localhost:5432/d":                                                 true,
		"postgres://u@[::1]:5432/d":                                                     true,
		"postgres:///d?host=/var/run/postgresql":                                        true,
	} {
		config, err := pgx.ParseConfig(location)
		if err != nil {
			t.Fatal(err)
		}
		err = encrypted(location, config)
		if (err == nil) != ok || err != nil && (strings.Contains(err.Error(), "Hush") || !strings.Contains(err.Error(), "sslmode=verify-full")) {
			t.Errorf("%s: %v", location, err)
		}
	}
	// By the way that everybody comes; nobody is asked for this.
	if _, err := connectPostgres(t.Context(), "postgres://u:Hush@192.0.2.1/d"); err == nil || !strings.Contains(err.Error(), "sslmode=verify-full") {
		t.Errorf("%v", err)
	}
}
