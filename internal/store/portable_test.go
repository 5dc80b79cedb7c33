package store

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// avoided is what docs/operations.md promises not to use, as not every engine has it that speaks PostgreSQL's protocol, or as it means
// something else there.
var avoided = regexp.MustCompile(`(?i)\badvisory|\bLOCK TABLE\b|\bLISTEN\b|\bNOTIFY\b|\bTRIGGER\b|\bPROCEDURE\b|\bEXTENSION\b|\bTEMP(ORARY)? TABLE\b|\bUNLOGGED\b|\bDEFERRABLE\b|\bctid\b|\browid\b|\bnow\(\)|CURRENT_TIMESTAMP|\bCOLLATE\b|\bILIKE\b|\bARRAY\[|\[\]|->|\bSERIAL\b|\bLATERAL\b`)

var statement = regexp.MustCompile(`^\s*(SELECT|INSERT|UPDATE|DELETE|WITH|CREATE|ALTER|DROP)\b`)

func TestOnlyPortableSQLIsUsed(t *testing.T) {
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), e.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(node ast.Node) bool {
			literal, ok := node.(*ast.BasicLit)
			if !ok || literal.Kind != token.STRING {
				return true
			}
			text, err := strconv.Unquote(literal.Value)
			if err != nil {
				t.Fatal(err)
			}
			if statement.MatchString(text) {
				n++
				if found := avoided.FindString(text); found != "" {
					t.Errorf("%s: %q in %s", e.Name(), found, text)
				}
			}
			return true
		})
	}
	if n < 100 {
		t.Errorf("only %d statements were looked at", n)
	}
	for name, text := range migrationsOf(t, "postgres") {
		if found := avoided.FindString(text); found != "" {
			t.Errorf("%s: %q", name, found)
		}
	}
}

// Both databases have the same tables, columns and indexes; only the names of types differ.
func TestTheMigrationsOfBothDatabasesSayTheSame(t *testing.T) {
	lite, remote := migrationsOf(t, "sqlite"), migrationsOf(t, "postgres")
	if len(lite) != len(remote) {
		t.Errorf("%d migrations and %d", len(lite), len(remote))
	}
	types := strings.NewReplacer(" STRICT, WITHOUT ROWID", "", " STRICT", "", "INTEGER PRIMARY KEY", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "INTEGER", "BIGINT", "BLOB", "BYTEA")
	for name, text := range lite {
		if got := types.Replace(text); got != remote[name] {
			t.Errorf("%s says something else on PostgreSQL", name)
		}
	}
}

func migrationsOf(t *testing.T, dialect string) map[string]string {
	t.Helper()
	out := map[string]string{}
	comment, space := regexp.MustCompile(`--[^\n]*`), regexp.MustCompile(`\s+`)
	err := fs.WalkDir(migrations, "migrations/"+dialect, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := migrations.ReadFile(path)
		out[d.Name()] = space.ReplaceAllString(comment.ReplaceAllString(string(b), ""), " ")
		return err
	})
	if err != nil || len(out) == 0 {
		t.Fatalf("%d migrations, %v", len(out), err)
	}
	return out
}
