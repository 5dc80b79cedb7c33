package testkit

import (
	"database/sql"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"countersign/internal/store"
)

// Query reads the database past the installation: one string for each row, its columns joined by "|".
func (k *Kit) Query(text string, args ...any) []string {
	k.T.Helper()
	db := k.open()
	found, err := db.Query(text, args...)
	if err != nil {
		k.T.Fatal(err)
	}
	defer found.Close()
	columns, err := found.Columns()
	if err != nil {
		k.T.Fatal(err)
	}
	var out []string
	for found.Next() {
		values := make([]any, len(columns))
		into := make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := found.Scan(into...); err != nil {
			k.T.Fatal(err)
		}
		texts := make([]string, len(values))
		for i, v := range values {
			if b, ok := v.([]byte); ok {
				v = fmt.Sprintf("%x", b)
			}
			texts[i] = fmt.Sprint(v)
		}
		out = append(out, strings.Join(texts, "|"))
	}
	if err := found.Err(); err != nil {
		k.T.Fatal(err)
	}
	return out
}

// Exec changes the database past the installation, as an attacker with its file, or another program, would.
func (k *Kit) Exec(text string, args ...any) {
	k.T.Helper()
	db := k.open()
	if _, err := db.Exec(text, args...); err != nil {
		k.T.Fatal(err)
	}
}

func (k *Kit) open() *sql.DB {
	k.T.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.beside == nil {
		// The drivers come with package store.
		driver, location := "sqlite", "file:"+(&url.URL{Path: k.Path}).EscapedPath()+"?_pragma=busy_timeout(10000)"
		if store.IsPostgres(k.Path) {
			driver, location = "pgx", k.Path
		}
		db, err := sql.Open(driver, location)
		if err != nil {
			k.T.Fatal(err)
		}
		k.beside = db
	}
	return k.beside
}

// Bytes is the SQL that makes a text into bytes.
func (k *Kit) Bytes(text string) string {
	if store.IsPostgres(k.Path) {
		return "convert_to(" + text + ", 'UTF8')"
	}
	return "CAST(" + text + " AS BLOB)"
}

// Text is the SQL that makes bytes into a text.
func (k *Kit) Text(bytes string) string {
	if store.IsPostgres(k.Path) {
		return "convert_from(" + bytes + ", 'UTF8')"
	}
	return "CAST(" + bytes + " AS TEXT)"
}

// Tables are the names of all tables.
func (k *Kit) Tables() []string {
	k.T.Helper()
	if store.IsPostgres(k.Path) {
		return k.Query(`SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1`)
	}
	return k.Query(`SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name`)
}

// Count is how many rows each table has.
func (k *Kit) Count() map[string]int {
	k.T.Helper()
	var each []string
	for _, table := range k.Tables() {
		each = append(each, fmt.Sprintf("SELECT '%s', count(*) FROM %s", table, table))
	}
	out := map[string]int{}
	for _, row := range k.Query(strings.Join(each, " UNION ALL ")) {
		table, n, _ := strings.Cut(row, "|")
		out[table], _ = strconv.Atoi(n)
	}
	return out
}

// Dump is the contents of every table but those named, as one text.
func (k *Kit) Dump(except ...string) string {
	k.T.Helper()
	var b strings.Builder
	for _, table := range k.Tables() {
		if slices.Contains(except, table) {
			continue
		}
		rows := k.Query(`SELECT * FROM ` + table)
		slices.Sort(rows)
		fmt.Fprintf(&b, "%s:\n%s\n", table, strings.Join(rows, "\n"))
	}
	return b.String()
}
