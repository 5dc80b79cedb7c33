package main

import (
	"bufio"
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"countersign/internal/policy"
	"countersign/internal/store"
	"countersign/internal/testkit"
	"countersign/internal/testkit/pgserver"
)

// accountsToCopy is the setting that says how many accounts are copied.
const accountsToCopy = "COPY_ACCOUNTS"

// crowded adds accounts with a passkey each to a database in a file, inside SQLite, after the pattern of one that is there.
func crowded(t *testing.T, k *testkit.Kit, n int) {
	t.Helper()
	columns := func(table string, other map[string]string) (names, values string) {
		var list, each []string
		for _, name := range k.Query(`SELECT name FROM pragma_table_info($1) ORDER BY cid`, table) {
			value, is := other[name]
			if !is {
				value = "p." + name
			}
			list, each = append(list, name), append(each, value)
		}
		return strings.Join(list, ", "), strings.Join(each, ", ")
	}
	const numbers = `WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < $1)`
	into, values := columns("accounts", map[string]string{"id": "printf('acc_crowd%08d', c.n)", "handle": "randomblob(64)"})
	k.Exec(numbers+` INSERT INTO accounts (`+into+`) SELECT `+values+` FROM c, (SELECT * FROM accounts WHERE passkeys = 1 LIMIT 1) p`, n)
	into, values = columns("passkeys", map[string]string{"account_id": "printf('acc_crowd%08d', c.n)", "id": "printf('pk_crowd%08d', c.n)", "credential_id": "randomblob(32)"})
	k.Exec(numbers+` INSERT INTO passkeys (`+into+`) SELECT `+values+` FROM c, (SELECT * FROM passkeys LIMIT 1) p`, n)
}

var copiedRows = regexp.MustCompile(`all: (\d+) of (\d+)`)

// runCopy runs the program's copy, which is killed once it has said that so many rows are copied; never if that is negative. killed
// tells whether it was.
func runCopy(t *testing.T, from, to string, at int64, kill func(*exec.Cmd)) (killed bool, said string, err error) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "db", "copy", "-from", from, "-to", to)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	var out bytes.Buffer
	cmd.Stdout = &out
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var lines strings.Builder
	for scan := bufio.NewScanner(log); scan.Scan(); {
		fmt.Fprintln(&lines, scan.Text())
		if m := copiedRows.FindStringSubmatch(scan.Text()); m != nil && at >= 0 && !killed {
			if rows, _ := strconv.ParseInt(m[1], 10, 64); rows >= at {
				// A moment later, so that it is not always just after a commit.
				<-time.After(time.Duration(rand.IntN(30)) * time.Millisecond)
				killed = true
				kill(cmd)
			}
		}
	}
	err = cmd.Wait()
	return killed, lines.String() + out.String(), err
}

func killCopy(cmd *exec.Cmd) { _ = cmd.Process.Kill() }

// TestChaosACopyIsKilledTwice is of COPY_ACCOUNTS accounts: a million in "make chaos", fewer in "make test".
func TestChaosACopyIsKilledTwice(t *testing.T) {
	n := 20_000
	if text := os.Getenv(accountsToCopy); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	server, err := pgserver.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	target := server.Database(t)
	k := testkit.New(t)
	c := k.Full()
	c.CreatePasskey()
	c.Do(policy.SetPhrase, "", "copper heron")
	began := time.Now()
	crowded(t, k, n)
	k.Close()
	file, err := os.Stat(k.Path)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d accounts, %d MB, made in %s", n, file.Size()>>20, time.Since(began).Round(time.Millisecond))
	kills := 0
	for _, part := range []float64{rand.Float64() / 2, 0.5 + rand.Float64()/2} {
		began := time.Now()
		killed, said, err := runCopy(t, k.Path, target, int64(part*2*float64(n)), killCopy)
		t.Logf("after %s: %v; it had said: %s", time.Since(began).Round(time.Millisecond), err, lastLine(said))
		if !killed {
			t.Errorf("nothing was killed: %s", said)
		} else {
			kills++
		}
		if _, err := store.Migrate(t.Context(), target, time.Now()); err == nil || !strings.Contains(err.Error(), "has not ended") {
			t.Errorf("half a copy is opened: %v", err)
		}
	}
	began = time.Now()
	_, said, err := runCopy(t, k.Path, target, -1, nil)
	if err != nil || !strings.Contains(said, "both hold the same") || !strings.Contains(said, "copied before and read again") {
		t.Fatalf("%v: %s", err, said)
	}
	t.Logf("killed %d times, and whole after %s more, compared: %s", kills, time.Since(began).Round(time.Millisecond), lastLine(said))

	k = testkit.Open(t, target, k.Clock)
	c.Kit, c.Browser = k, k.Browser()
	events := k.Query(`SELECT max(id) FROM audit_events`)[0]
	c.LoginByPasskey(c.Browser).OK()
	if v := c.Prove(c.Approval(c.Withdraw("100"))).Verification(); v.Result.Withdrawal.State != "approved" {
		t.Errorf("%+v", v.Result.Withdrawal)
	}
	c.LoginByCodes(k.Browser()).OK() // which opens what is sealed: the secret of the app
	if rows := k.Query(`SELECT id FROM audit_events WHERE id > $1`, events); len(rows) < 2 {
		t.Errorf("events since the copy: %v", rows)
	}
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

func TestACopyGoesOnAfterPostgreSQLWasKilledAndEachDifferenceIsNamed(t *testing.T) {
	server, err := pgserver.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	target := server.Database(t)
	k := testkit.New(t)
	k.Full().CreatePasskey()
	crowded(t, k, 20_000)
	k.Close()
	killed, said, err := runCopy(t, k.Path, target, 1, func(*exec.Cmd) {
		if err := server.Kill(); err != nil {
			t.Error(err)
		}
	})
	if !killed || err == nil || !strings.Contains(said, "the same command goes on from there") {
		t.Errorf("%v, %v: %s", killed, err, said)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	if _, said, err := runCopy(t, k.Path, target, -1, nil); err != nil || !strings.Contains(said, "both hold the same") {
		t.Fatalf("%v: %s", err, said)
	}

	db, err := sql.Open("pgx", target)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, text := range []string{
		`DELETE FROM passkeys WHERE id = 'pk_crowd00000007'`,
		`UPDATE accounts SET frozen = 1 WHERE id = 'acc_crowd00000008'`,
		`INSERT INTO budgets (key, used, resets_at) VALUES ('\x0123', 1, 1)`,
	} {
		if _, err := db.Exec(text); err != nil {
			t.Fatal(err)
		}
	}
	_, err = store.Compare(t.Context(), k.Path, target)
	if !errors.Is(err, store.ErrDiffers) {
		t.Fatal(err)
	}
	for _, want := range []string{"id=pk_crowd00000007: missing in the target", "accounts, id=acc_crowd00000008: not the same", "budgets, key=0123: in the target alone"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
	if n := strings.Count(err.Error(), "\n"); n != 3 {
		t.Errorf("%d rows are named: %v", n, err)
	}
}

// What an earlier run had written says nothing of how fast this one is.
func TestTheProgressOfACopyCountsWhatItWrites(t *testing.T) {
	clock := testkit.NewClock(testkit.Start)
	var said strings.Builder
	tell := progress(clock.Now, &said)
	tell(store.CopyStep{Table: "accounts", Rows: 900, Of: 900, Total: 900, OfAll: 2000})
	clock.Advance(2 * time.Second)
	tell(store.CopyStep{Table: "passkeys", Rows: 100, Of: 1100, Total: 1000, OfAll: 2000})
	clock.Advance(5 * time.Second)
	tell(store.CopyStep{Table: "passkeys", Rows: 600, Of: 1100, Total: 1500, OfAll: 2000, Written: 500})
	want := "accounts: 900 of 900 rows; all: 900 of 2000, copied before and read again\n" +
		"passkeys: 100 of 1100 rows; all: 1000 of 2000, copied before and read again\n" +
		"passkeys: 600 of 1100 rows; all: 1500 of 2000, 100 rows/s, about 5s left\n"
	if said.String() != want {
		t.Errorf("it says\n%s", said.String())
	}
}
