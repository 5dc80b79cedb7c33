package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"countersign/internal/desk"
	"countersign/internal/policy"
	"countersign/internal/testkit"
	"countersign/internal/testkit/pgserver"
	"countersign/internal/totp"
)

// manual has the commands of docs/operations.md, section "Backup and restore", which are tried as they stand there but for paths.
type manual struct {
	blocks []string
	tried  map[string]bool
}

func openManual(t *testing.T) *manual {
	t.Helper()
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## Backup and restore\n")
	section, _, _ = strings.Cut(section, "\n## ")
	m := &manual{tried: map[string]bool{}}
	for _, found := range regexp.MustCompile("(?ms)^ *```\n(.*?)^ *```$").FindAllStringSubmatch(section, -1) {
		m.blocks = append(m.blocks, found[1])
	}
	t.Cleanup(func() {
		for _, block := range m.blocks {
			if !m.tried[block] && !t.Failed() {
				t.Errorf("nobody has tried\n%s", block)
			}
		}
	})
	return m
}

// block is the one that has a text in it, with paths replaced.
func (m *manual) block(t *testing.T, with string, paths ...string) string {
	t.Helper()
	i := slices.IndexFunc(m.blocks, func(b string) bool { return strings.Contains("\n"+b, with) })
	if i < 0 {
		t.Fatalf("no commands have %q in them", with)
	}
	m.tried[m.blocks[i]] = true
	out := strings.NewReplacer(paths...).Replace(m.blocks[i])
	for _, left := range []string{" /backup", "'/backup", "/var/lib", "/etc/"} {
		if strings.Contains(out, left) {
			t.Fatalf("a path was not replaced:\n%s", out)
		}
	}
	return out
}

// shell runs commands as whoever runs the tests, where "countersign" is this program.
func shell(t *testing.T, script string) string {
	t.Helper()
	bin := t.TempDir()
	if err := os.Symlink(os.Args[0], filepath.Join(bin, "countersign")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("bash", "-euo", "pipefail", "-c", script)
	cmd.Env = append(os.Environ(), asProgram+"=1", "PATH="+bin+":"+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
	return string(out)
}

// settingsOf writes the file of settings of an installation under test.
func settingsOf(t *testing.T, database string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "countersign.conf")
	if err := os.WriteFile(file, []byte("database = "+database+"\nmaster-key = "+masterOf(t)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// lately is a clock that shows about true time once its customers were made.
func lately() *testkit.Clock { return testkit.NewClock(time.Now().Add(-100 * time.Hour)) }

var notMe = regexp.MustCompile(`/not-me#([A-Za-z0-9_-]{43})`)

// past is what an installation has when it is backed up, and what is done with it after that.
type past struct {
	kit                      *testkit.Kit
	c, robbed                *testkit.Customer
	thief, stranger          *testkit.Browser
	operator                 *testkit.Operator
	open, login              *testkit.Verification
	approval, reset          *testkit.Verification
	code, resetCode, appCode string
	challenge, assertion     []byte
	deskChallenge            []byte
	invitation, link         string
	approved, waiting, later *testkit.Withdrawal
	evidence                 []byte
	laterSession             *testkit.Browser
}

// live is an installation in full use.
func live(t *testing.T, k *testkit.Kit) *past {
	t.Helper()
	p := &past{kit: k}
	p.c, p.robbed = k.Full(), k.Customer()
	c := p.c
	c.CreatePasskey()
	c.Do(policy.SetPhrase, "", "copper heron")
	p.operator = k.Operator(desk.Support)
	p.operator.Login(p.operator.Browser).OK()
	p.robbed.LoginByCodes(k.Browser()).OK() // a browser that was not seen before is told of
	k.Deliver()
	for _, m := range k.Inbox.All() {
		if found := notMe.FindStringSubmatch(m.Text); m.To == p.robbed.Email && found != nil && p.link == "" {
			p.link = found[1]
		}
	}
	if p.link == "" {
		t.Fatal("no link was sent")
	}
	p.approved = c.Withdraw("100")
	c.Prove(c.Approval(p.approved)).OK()
	p.evidence = c.Get("/v1/withdrawals/" + p.approved.ID + "/approval").OK().Body

	// What is under way when the backup is made.
	if behind := time.Until(k.Clock.Now()) + 4*time.Minute; behind < 0 {
		k.Clock.Advance(-behind)
	} else {
		t.Fatalf("the clock is %s ahead", behind)
	}
	c.LoginByPasskey(c.Browser).OK()
	p.operator.Login(p.operator.Browser).OK()
	_, p.invitation = k.Invite(desk.Admin)
	p.waiting = c.Withdraw("50")
	p.approval = c.Approval(p.waiting)
	p.assertion = c.Assert(c.Challenge(p.approval.ID).PublicKey)
	p.open = c.Begin(policy.SetPhrase, "", "blue lamp").Verification()
	c.SendCode(p.open.ID, "email").OK()
	p.code = k.Code(c.Email)
	p.stranger = k.Browser()
	p.login = p.stranger.StartLogin(c.Email, c.Password).Verification()
	p.reset = p.stranger.Post("/v1/password-resets", map[string]string{"email": p.robbed.Email}).Verification()
	p.resetCode = k.Code(p.robbed.Email)
	p.challenge = c.Assert(p.stranger.LoginOptions())
	credential, err := p.operator.Device.Get(p.stranger.DeskOptions())
	if err != nil {
		t.Fatal(err)
	}
	p.deskChallenge = credential
	p.thief = c.Copy()
	return p
}

// goOn is what happens after the backup, and is lost.
func (p *past) goOn(t *testing.T) {
	t.Helper()
	k, c := p.kit, p.c
	p.laterSession = k.Browser()
	p.appCode = c.AppCode()
	p.laterSession.Codes(p.laterSession.StartLogin(c.Email, c.Password).Verification().ID, map[string]string{"any": p.appCode}).OK()
	c.SubmitPasskey(p.approval.ID, p.assertion).OK()
	p.later = c.Withdraw("25")
	k.Browser().Post("/v1/not-me/freeze", map[string]string{"token": p.link}).OK()
	k.Browser().LoginWith(c.Assert(k.Browser().LoginOptions())).OK()
	c.Send("DELETE", "/v1/sessions/current", nil, nil).OK()
	p.thief.Get("/v1/account").Refused("unauthenticated")
	k.Deliver()
}

// check holds an installation that was restored to what must be void and what must be there.
func (p *past) check(t *testing.T, k *testkit.Kit, m *manual) {
	t.Helper()
	c := p.c.On(k.Browser())
	for _, b := range []*testkit.Browser{p.thief, p.stranger, p.laterSession, p.operator.Browser, c.Browser, p.c.Browser, p.robbed.Browser} {
		b.Kit = k
	}
	p.c.Kit, p.robbed.Kit = k, k
	for name, b := range map[string]*testkit.Browser{"signed out since": p.thief, "signed in since": p.laterSession} {
		if a := b.Get("/v1/account"); a.Code() != "unauthenticated" {
			t.Errorf("a session that was %s: %d %s", name, a.Status, a.Body)
		}
	}
	p.operator.Get("/v1/desk/me").Refused("unauthenticated")
	p.stranger.LoginWith(p.challenge).Refused("passkey_refused")
	p.stranger.DeskLogin(p.deskChallenge).Refused("passkey_refused")
	k.Browser().Post("/v1/desk/invitations/lookup", map[string]any{"token": p.invitation}).Refused("link_expired")
	p.stranger.Codes(p.login.ID, map[string]string{"any": p.appCode}).Refused("verification_void")
	p.stranger.Codes(p.reset.ID, map[string]string{"email": p.resetCode}).Refused("verification_void")

	// A code of the app that was used since is not taken again, and the next but one is.
	again := k.Browser()
	v := again.StartLogin(c.Email, c.Password).Verification()
	again.Codes(v.ID, map[string]string{"any": p.appCode}).Refused("login_refused")
	if ahead := time.Until(k.Clock.Now()); ahead < totp.Period {
		k.Clock.Advance(2*totp.Period - ahead)
	}
	again.Codes(v.ID, map[string]string{"any": c.AppCode()}).OK()

	c.LoginByPasskey(c.Browser).OK()
	if a := c.Account(); a.Sessions != 2 {
		t.Errorf("%d sessions are listed", a.Sessions)
	}
	c.Codes(p.open.ID, map[string]string{"email": p.code}).Refused("not_found")
	c.SubmitPasskey(p.approval.ID, p.assertion).Refused("not_found")
	if got := c.Get("/v1/withdrawals/" + p.approved.ID + "/approval").OK().Body; string(got) != string(p.evidence) {
		t.Errorf("the approval is\n%s\nand was\n%s", got, p.evidence)
	}
	if w := c.Withdrawal(p.approved.ID); w.State != "approved" {
		t.Errorf("%+v", w)
	}
	c.Get("/v1/withdrawals/" + p.later.ID).Refused("not_found")
	open := k.Query(strings.TrimSpace(m.block(t, "SELECT id, account_id")))
	want := []string{p.approved.ID + "|" + c.ID + "|approved|100|USDT|" + testkit.Tron, p.waiting.ID + "|" + c.ID + "|requested|50|USDT|" + testkit.Tron}
	if !slices.Equal(open, want) {
		t.Errorf("open are %q, want %q", open, want)
	}
	if err := k.App.Withdrawals.Decline(t.Context(), p.waiting.ID, "paid before the restore"); err != nil {
		t.Error(err)
	}
	c.Begin(policy.ApproveWithdrawal, p.waiting.ID, "").Refused("withdrawal_not_requested")
	c.Prove(c.Approval(c.Withdraw("15"))).OK()

	p.robbed.LoginByCodes(p.robbed.Browser).OK()
	if p.robbed.Account().Status == "frozen" {
		t.Error("the account is frozen, which was done after the backup")
	}
	k.Browser().Post("/v1/not-me/freeze", map[string]string{"token": p.link}).OK()
	p.robbed.LoginByCodes(p.robbed.Browser).OK()
	if p.robbed.Account().Status != "frozen" {
		t.Error("the link does not freeze the account once more")
	}
	p.operator.Login(p.operator.Browser).OK()
}

// meanwhile lets somebody sign in over and over until stop is called, which tells how often that was.
func meanwhile(t *testing.T, c *testkit.Customer) (stop func() int64) {
	var n atomic.Int64
	var all sync.WaitGroup
	var ended atomic.Bool
	all.Go(func() {
		for !ended.Load() {
			if a := c.LoginByPasskey(c.Kit.Browser()); a.Status != 200 {
				t.Errorf("%d %s", a.Status, a.Body)
				return
			}
			n.Add(1)
		}
	})
	return func() int64 {
		before := n.Load()
		for deadline := time.Now().Add(patience); n.Load() == before && time.Now().Before(deadline); <-time.After(time.Millisecond) {
		}
		ended.Store(true)
		all.Wait()
		return n.Load()
	}
}

func TestABackupIsRestoredByTheManualAndRevivesNothing(t *testing.T) {
	if out, err := exec.Command("../../scripts/need-sqlite3").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	m := openManual(t)
	t.Run("SQLite", func(t *testing.T) {
		home, backup := t.TempDir(), t.TempDir()
		k := testkit.Open(t, filepath.Join(home, "countersign.db"), lately())
		p := live(t, k)
		paths := []string{"/var/lib/countersign", home, "/backup", backup, "runuser -u countersign -- ", "", "/etc/countersign/countersign.conf", settingsOf(t, k.Path)}
		stop := meanwhile(t, p.c.On(k.Browser()))
		said := shell(t, m.block(t, "VACUUM INTO", paths...))
		t.Logf("%d people signed in meanwhile", stop())
		if said != "ok\n" {
			t.Errorf("checked: %s", said)
		}
		p.goOn(t)
		k.Close()
		if said := shell(t, m.block(t, "/aside/", paths...)); !strings.HasPrefix(said, "epoch ") {
			t.Error(said)
		}
		if left, err := filepath.Glob(home + "/countersign.db*"); err != nil || !slices.Contains(left, k.Path) {
			t.Errorf("%v, %v", left, err)
		}
		p.check(t, testkit.Open(t, k.Path, k.Clock), m)
	})
	t.Run("PostgreSQL", func(t *testing.T) { archived(t, m) })
	t.Run("PostgreSQL by a dump", func(t *testing.T) {
		server, err := pgserver.New()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(server.Stop)
		k := testkit.Open(t, server.Database(t), lately())
		name := regexp.MustCompile(`/(\w+)\?`).FindStringSubmatch(k.Path)[1]
		p := live(t, k)
		backup := filepath.Join(server.Folder, "backup")
		asSuperuser(t, server, "mkdir "+backup)
		stop := meanwhile(t, p.c.On(k.Browser()))
		asSuperuser(t, server, m.block(t, "pg_dump", "/backup", backup, "-d countersign\n", "-d "+name+"\n"))
		t.Logf("%d people signed in meanwhile", stop())
		p.goOn(t)
		k.Close()
		block := m.block(t, "pg_restore", "/backup", backup, "'postgres://countersign@db1/countersign_restored?sslmode=verify-full' -master-key-file /etc/countersign/master.key",
			"'"+server.URL("countersign_restored")+"' -config "+settingsOf(t, server.URL("countersign_restored")))
		before, restored, _ := strings.Cut(block, "countersign restored")
		asSuperuser(t, server, before)
		if said := shell(t, "countersign restored"+restored); !strings.HasPrefix(said, "epoch ") {
			t.Error(said)
		}
		p.check(t, testkit.Open(t, server.URL("countersign_restored"), k.Clock), m)
	})
}

func asSuperuser(t *testing.T, server *pgserver.Server, script string) string {
	t.Helper()
	said, err := server.Shell(script)
	if err != nil {
		t.Fatal(err)
	}
	return said
}

// archived restores a base backup and the log behind it twice: up to the last commit before the server was killed, and up to a time.
func archived(t *testing.T, m *manual) {
	server, err := pgserver.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	backup := filepath.Join(server.Folder, "backup")
	asSuperuser(t, server, "mkdir -p "+backup+"/wal "+backup+"/base")
	asSuperuser(t, server, m.block(t, "archive_command", "/backup", backup))
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	k := testkit.Open(t, server.Database(t), lately())
	name := regexp.MustCompile(`/(\w+)\?`).FindStringSubmatch(k.Path)[1]
	stop := meanwhile(t, func() *testkit.Customer { c := k.Full(); c.CreatePasskey(); return c }())
	asSuperuser(t, server, m.block(t, "pg_basebackup", "/backup", backup))
	t.Logf("%d people signed in meanwhile", stop())
	p := live(t, k)
	until := k.Query(`SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US+00')`)[0]
	p.goOn(t)
	k.Close()
	if at := strings.TrimSpace(asSuperuser(t, server, `psql -Atc "SELECT pg_walfile_name(pg_switch_wal())"`)); at == "" {
		t.Error("no segment of the log was ended")
	}
	for deadline := time.Now().Add(patience); asSuperuser(t, server, `psql -Atc "SELECT failed_count || '|' || (archived_count > 1) FROM pg_stat_archiver"`) != "0|true\n"; <-time.After(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the log is not archived")
		}
	}
	k = testkit.Open(t, k.Path, k.Clock)
	last := p.c.On(k.Browser())
	last.LoginByPasskey(last.Browser).OK()
	wallet := last.Withdraw("10") // which is in the old folder alone
	k.Close()
	// As a primary with a standby leaves it.
	asSuperuser(t, server, `psql -c "ALTER SYSTEM SET synchronous_standby_names = 'FIRST 1 (sb)'"`)
	asSuperuser(t, server, fmt.Sprintf("echo \"synchronous_standby_names = 'FIRST 1 (sb)'\" >> %s/base/$(date +%%F)/postgresql.auto.conf", backup))
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	restore := func(folder, more string) *pgserver.Server {
		folder = filepath.Join(server.Folder, folder)
		data := pgserver.Data(folder)
		asSuperuser(t, server, "mkdir "+folder)
		asSuperuser(t, server, m.block(t, "recovery.signal", "/backup", backup, "2026-11-25", time.Now().Format(time.DateOnly), "/var/lib/postgresql/15/restored", data,
			"/var/lib/postgresql/15/main", pgserver.Data(server.Folder)))
		asSuperuser(t, server, fmt.Sprintf("cat >> %s/postgresql.auto.conf <<'END'\n%s\nEND", data, more))
		restored, err := server.Over(folder)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(restored.Stop)
		for deadline := time.Now().Add(patience); asSuperuser(t, restored, `psql -Atc "SELECT pg_is_in_recovery()"`) != "f\n"; <-time.After(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("recovery does not end")
			}
		}
		return restored
	}
	whole := restore("whole", "")
	k = testkit.Open(t, whole.URL(name), k.Clock)
	if rows := k.Query(`SELECT id FROM withdrawals WHERE id IN ($1, $2) OR id = $3 AND state = 'approved'`, wallet.ID, p.later.ID, p.waiting.ID); len(rows) != 3 {
		t.Errorf("of what was committed before the end, %v is there", rows)
	}
	k.Close()

	earlier := restore("earlier", "recovery_target_time = '"+until+"'\nrecovery_target_action = 'promote'")
	// Somebody has forgotten to stop a copy.
	k = testkit.Open(t, earlier.URL(name), k.Clock)
	p.thief.Kit = k
	p.thief.Get("/v1/account").OK() // which is why the command is there
	epoch := k.App.DB.Epoch()
	if said := shell(t, m.block(t, "\ncountersign restored -config", "/etc/countersign/countersign.conf", settingsOf(t, k.Path))); !strings.HasPrefix(said, "epoch ") {
		t.Error(said)
	}
	for deadline := time.Now().Add(patience); k.App.DB.Epoch() == epoch; <-time.After(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a copy that runs does not notice the new epoch")
		}
	}
	p.check(t, k, m)
}
