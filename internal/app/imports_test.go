package app_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// allowed is the direction of imports: what each package of the project may import of the project. A package that is
// not in the list fails the test, so that a new one finds its place here, and in ARCHITECTURE.md.
var allowed = map[string]string{
	"api":      "",
	"approval": "",

	"internal/asset":    "",
	"internal/blob":     "",
	"internal/contact":  "",
	"internal/delivery": "internal/policy internal/smpp",
	"internal/media":    "",
	"internal/observe":  "",
	"internal/passkey":  "",
	"internal/password": "",
	// Makes the list of common passwords; run by hand.
	"internal/password/gen": "internal/password",
	"internal/policy":       "",
	"internal/refusal":      "",
	"internal/secret":       "",
	"internal/smpp":         "",
	"internal/totp":         "",
	"internal/webapp":       "",

	"internal/store":        "internal/delivery internal/policy internal/secret internal/totp",
	"internal/notice":       "internal/delivery internal/policy internal/secret internal/store",
	"internal/verification": "approval internal/delivery internal/notice internal/passkey internal/password internal/policy internal/refusal internal/secret internal/store internal/totp",

	"internal/auditlog": "approval internal/secret internal/store",

	"internal/account":    "approval internal/contact internal/passkey internal/policy internal/refusal internal/secret internal/store internal/verification",
	"internal/support":    "internal/blob internal/contact internal/delivery internal/media internal/notice internal/policy internal/refusal internal/secret internal/store internal/verification",
	"internal/withdrawal": "approval internal/asset internal/auditlog internal/delivery internal/policy internal/refusal internal/secret internal/store internal/verification",

	"internal/desk": "internal/contact internal/delivery internal/notice internal/passkey internal/policy internal/refusal internal/secret internal/store internal/verification",

	"internal/httpapi": "internal/account internal/auditlog internal/desk internal/password internal/policy internal/refusal internal/secret internal/store internal/support internal/verification internal/withdrawal",
	"internal/app": "api approval internal/account internal/asset internal/auditlog internal/blob internal/delivery internal/desk internal/httpapi internal/notice internal/observe internal/passkey internal/password internal/policy internal/secret " +
		"internal/store internal/support internal/verification internal/withdrawal",
	"internal/demo": "internal/account internal/app internal/asset internal/delivery internal/desk internal/policy internal/secret internal/store internal/totp internal/verification internal/withdrawal",

	// Fills a demo's database for the browser tests.
	"web/e2e/tools/manypasskeys": "internal/policy internal/secret internal/store",

	"cmd/countersign": "approval internal/app internal/asset internal/auditlog internal/blob internal/delivery internal/demo internal/desk internal/observe internal/policy internal/secret internal/store internal/support internal/verification internal/webapp",
}

// testOnly are packages that no program may import.
var testOnly = []string{"internal/softkey", "internal/testkit", "internal/testkit/contract", "internal/testkit/pgserver", "internal/testkit/s3server", "internal/testkit/smppserver", "internal/flowtest", "internal/chaostest", "internal/bench"}

// standalone may import nothing but the standard library, so that others can use them and need not trust the rest.
var standalone = []string{"approval"}

func TestImportsGoInOneDirection(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}}|{{join .Imports " "}}`, "countersign/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		path, imports, _ := strings.Cut(strings.TrimSpace(line), "|")
		name := strings.TrimPrefix(path, "countersign/")
		if slices.Contains(testOnly, name) {
			continue
		}
		rule, known := allowed[name]
		if !known {
			t.Errorf("%s has no place in the list of imports", name)
			continue
		}
		for _, imported := range strings.Fields(imports) {
			short, ours := strings.CutPrefix(imported, "countersign/")
			if ours && !slices.Contains(strings.Fields(rule), short) {
				t.Errorf("%s imports %s, against the direction of imports", name, short)
			}
			if !ours && slices.Contains(standalone, name) && strings.Contains(strings.Split(imported, "/")[0], ".") {
				t.Errorf("%s imports %s, but is to have the standard library alone", name, imported)
			}
		}
	}
}
