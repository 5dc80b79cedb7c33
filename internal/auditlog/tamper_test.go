package auditlog_test

import (
	"database/sql"

	"countersign/internal/testkit/pgserver"

	_ "github.com/jackc/pgx/v5/stdlib" // "pgx"
	_ "modernc.org/sqlite"             // "sqlite"
)

// exec changes the database past the service, as somebody with full access to it does.
func (f *fixture) exec(text string, args ...any) {
	f.t.Helper()
	driver := "sqlite"
	if pgserver.Wanted != nil {
		driver = "pgx"
	}
	db, err := sql.Open(driver, f.path)
	if err != nil {
		f.t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(text, args...); err != nil {
		f.t.Fatalf("%s: %v", text, err)
	}
}
