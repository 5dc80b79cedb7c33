package store

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"countersign/internal/delivery"
	"countersign/internal/policy"
	"countersign/internal/secret"
)

// sealed columns, the rows that they are copied between, and how they are read.
func TestSealedColumnsOpenInTheirOwnRowOnly(t *testing.T) {
	f := open(t)
	account(t, f, "acc_1", "one@mail.example")
	account(t, f, "acc_2", "two@mail.example")
	f.update(t, func(tx *Tx) error {
		in := Address{ID: "adr_1", AccountID: "acc_1", Label: "a", Network: "tron", Address: "one", CreatedAt: tx.Now}
		other := in
		other.ID, other.AccountID, other.Address = "adr_2", "acc_2", "two"
		return errors.Join(tx.SetPhrase("acc_1", "copper heron"), tx.SetPhrase("acc_2", "slow green"), tx.AddAddress(&in), tx.AddAddress(&other),
			tx.AddFormerEmail("acc_1", "old1@mail.example", tx.Now.Add(time.Hour)), tx.AddFormerEmail("acc_2", "old2@mail.example", tx.Now.Add(time.Hour)),
			tx.AddVerification(&Verification{ID: "ver_1", BudgetKey: []byte("b"), Status: Pending}, []byte("one")), tx.AddVerification(&Verification{ID: "ver_2", BudgetKey: []byte("b"), Status: Pending}, []byte("two")))
	})
	reads := map[string]func(tx *Tx) error{
		`UPDATE accounts SET phrase_sealed = (SELECT phrase_sealed FROM accounts WHERE id = 'acc_1') WHERE id = 'acc_2'`: func(tx *Tx) error {
			a, err := tx.Account("acc_2")
			if err == nil {
				_, err = tx.Phrase(a)
			}
			return err
		},
		`UPDATE factors SET value_sealed = (SELECT value_sealed FROM factors WHERE account_id = 'acc_1') WHERE account_id = 'acc_2'`: func(tx *Tx) error {
			factors, err := tx.Factors("acc_2")
			if err == nil {
				_, err = tx.FactorValue(&factors[0])
			}
			return err
		},
		`UPDATE addresses SET address_sealed = (SELECT address_sealed FROM addresses WHERE id = 'adr_1') WHERE id = 'adr_2'`: func(tx *Tx) error {
			_, err := tx.Addresses("acc_2")
			return err
		},
		`UPDATE former_emails SET value_sealed = (SELECT value_sealed FROM former_emails WHERE account_id = 'acc_1') WHERE account_id = 'acc_2'`: func(tx *Tx) error {
			_, err := tx.FormerEmails("acc_2")
			return err
		},
		`UPDATE verifications SET payload_sealed = (SELECT payload_sealed FROM verifications WHERE id = 'ver_1') WHERE id = 'ver_2'`: func(tx *Tx) error {
			v, err := tx.Verification("ver_2")
			if err == nil {
				_, err = tx.Payload(v)
			}
			return err
		},
	}
	for copying, read := range reads {
		f.update(t, func(tx *Tx) error {
			if err := read(tx); err != nil {
				t.Errorf("before: %v", err)
			}
			if err := tx.run(copying); err != nil {
				return err
			}
			if err := read(tx); !errors.Is(err, secret.ErrSealed) {
				t.Errorf("%s: %v", copying, err)
			}
			return nil
		})
	}
}

func TestAddressesAndNumbersAreUniqueOnceProven(t *testing.T) {
	f := open(t)
	account(t, f, "acc_1", "one@mail.example")
	account(t, f, "acc_2", "two@mail.example")
	f.update(t, func(tx *Tx) error {
		if err := tx.Nested(func() error { return tx.PutFactor("acc_2", policy.Email, "one@mail.example", "", 0) }); !errors.Is(err, ErrExists) {
			t.Errorf("one address in two accounts: %v", err)
		}
		if err := tx.PutFactor("acc_1", policy.Email, "one@mail.example", "", 0); err != nil {
			t.Errorf("the same address once more: %v", err)
		}
		if owner, err := tx.FactorOwner(policy.Email, "one@mail.example"); owner != "acc_1" || err != nil {
			t.Errorf("%s, %v", owner, err)
		}
		if _, err := tx.FactorOwner(policy.Phone, "one@mail.example"); !errors.Is(err, ErrNotFound) {
			t.Errorf("another kind: %v", err)
		}
		return nil
	})
}

func TestUniqueAddressesSurviveARotationOfTheKey(t *testing.T) {
	f := open(t)
	f.keys, _ = secret.NewKeys(make([]byte, 32))
	f.reopen(t)
	account(t, f, "acc_1", "one@mail.example")
	next := secret.Random(32)
	f.keys, _ = secret.NewKeys(next, make([]byte, 32))
	f.reopen(t)
	account(t, f, "acc_2", "two@mail.example")
	f.update(t, func(tx *Tx) error {
		if owner, err := tx.FactorOwner(policy.Email, "one@mail.example"); owner != "acc_1" || err != nil {
			t.Errorf("%s, %v", owner, err)
		}
		if err := tx.PutFactor("acc_2", policy.Email, "one@mail.example", "", 0); !errors.Is(err, ErrExists) {
			t.Errorf("indexed under the former key, taken again: %v", err)
		}
		return nil
	})
}

func TestHoldsNeverShorten(t *testing.T) {
	f := open(t)
	account(t, f, "acc_1", "one@mail.example")
	hold := func(reason string, d time.Duration) (a *Account) {
		f.update(t, func(tx *Tx) (err error) {
			if err := tx.Hold("acc_1", reason, tx.Now.Add(d)); err != nil {
				return err
			}
			a, err = tx.Account("acc_1")
			return err
		})
		return a
	}
	long := hold("unfrozen", 72*time.Hour)
	f.advance(time.Hour)
	if a := hold("factor_replaced", 24*time.Hour); !a.HoldUntil.Equal(long.HoldUntil) || a.HoldReason != "unfrozen" {
		t.Errorf("a shorter one: until %v because of %s", a.HoldUntil, a.HoldReason)
	}
	if a := hold("password_reset", 80*time.Hour); !a.HoldUntil.Equal(start.Add(81*time.Hour)) || !a.HoldSince.Equal(start) || a.HoldReason != "password_reset" {
		t.Errorf("a longer one: %v to %v because of %s", a.HoldSince, a.HoldUntil, a.HoldReason)
	}
	f.advance(100 * time.Hour)
	if a := hold("factor_unbound", 24*time.Hour); !a.HoldSince.Equal(start.Add(101 * time.Hour)) {
		t.Errorf("after the former is over: since %v", a.HoldSince)
	}
}

func TestStepsGrowOnly(t *testing.T) {
	f := open(t)
	account(t, f, "acc_1", "one@mail.example")
	f.update(t, func(tx *Tx) error {
		if err := tx.PutFactor("acc_1", policy.Authenticator, "secret", "", 100); err != nil {
			return err
		}
		for _, c := range []struct {
			step int64
			want bool
		}{{99, false}, {100, false}, {101, true}, {101, false}, {100, false}, {102, true}} {
			if ok, err := tx.SpendStep("acc_1", c.step); ok != c.want || err != nil {
				t.Errorf("step %d: %t, %v", c.step, ok, err)
			}
		}
		return nil
	})
}

func TestWhatServesOnceServesOnce(t *testing.T) {
	f := open(t)
	account(t, f, "acc_1", "one@mail.example")
	f.update(t, func(tx *Tx) error {
		v := &Verification{ID: "ver_1", BudgetKey: []byte("b"), Status: Pending}
		factor := &VerificationFactor{VerificationID: "ver_1", Target: Bound, Kind: policy.Email}
		cer := &Ceremony{ID: "cer_1", VerificationID: "ver_1", Kind: "get", Challenge: []byte("c"), CreatedAt: tx.Now, ExpiresAt: tx.Now.Add(time.Minute)}
		late := &Ceremony{ID: "cer_2", VerificationID: "ver_1", Kind: "get", Challenge: []byte("d"), CreatedAt: tx.Now, ExpiresAt: tx.Now}
		link := FreezeLink{AccountID: "acc_1", Event: "x", At: tx.Now, ExpiresAt: tx.Now.Add(time.Minute)}
		if err := errors.Join(tx.AddVerification(v, nil), tx.AddVerificationFactor(factor), tx.AddCeremony(cer), tx.AddCeremony(late), tx.AddFreezeLink([]byte("h"), link)); err != nil {
			return err
		}
		for name, use := range map[string]func() (bool, error){
			"a factor's match": func() (bool, error) { return tx.MatchFactor(factor, 0) },
			"a challenge":      func() (bool, error) { return tx.SpendCeremony("cer_1") },
			"a freeze link":    func() (bool, error) { return tx.UseFreezeLink([]byte("h")) },
			"a verification":   func() (bool, error) { return tx.EndVerification("ver_1", Done) },
		} {
			if ok, err := use(); !ok || err != nil {
				t.Errorf("%s does not serve: %v", name, err)
			}
			if ok, err := use(); ok || err != nil {
				t.Errorf("%s serves twice: %v", name, err)
			}
		}
		if ok, err := tx.SpendCeremony("cer_2"); ok || err != nil {
			t.Errorf("an expired challenge serves: %v", err)
		}
		if err := tx.SpendLoginChallenge([]byte("n"), tx.Now); err != nil {
			return err
		}
		if err := tx.Nested(func() error { return tx.SpendLoginChallenge([]byte("n"), tx.Now) }); !errors.Is(err, ErrExists) {
			t.Errorf("a login challenge serves twice: %v", err)
		}
		return nil
	})
}

func TestBudgetsFillGrowAndReset(t *testing.T) {
	f := open(t)
	a := Allowance{Limit: 10, Window: time.Hour, Grow: true}
	exhaust := func() (wait time.Duration) {
		f.update(t, func(tx *Tx) error {
			if left, _, err := tx.Left([]byte("k"), a); left != 10 || err != nil {
				t.Errorf("%d left, %v", left, err)
			}
			if err := errors.Join(tx.Take([]byte("k"), 4, a), tx.Take([]byte("k"), 6, a)); err != nil {
				return err
			}
			left, resets, err := tx.Left([]byte("k"), a)
			if left != 0 {
				t.Errorf("%d left after ten", left)
			}
			wait = resets.Sub(tx.Now)
			return err
		})
		f.advance(wait)
		return wait
	}
	for _, want := range []time.Duration{1, 2, 4, 8, 16, 24, 24} {
		if got := exhaust(); got != want*time.Hour {
			t.Errorf("the wait is %v, want %d h", got, want)
		}
	}
	f.advance(25 * time.Hour)
	if got := exhaust(); got != time.Hour {
		t.Errorf("after a day without, the wait is %v", got)
	}
}

func TestPurgeKeepsWhatCouldStillServe(t *testing.T) {
	f := open(t)
	account(t, f, "acc_1", "one@mail.example")
	f.update(t, func(tx *Tx) error {
		v := &Verification{ID: "ver_1", BudgetKey: []byte("b"), Status: Pending, ExpiresAt: tx.Now.Add(15 * time.Minute)}
		return errors.Join(tx.SpendLoginChallenge([]byte("n"), tx.Now.Add(5*time.Minute)), tx.AddVerification(v, nil),
			tx.AddVerificationFactor(&VerificationFactor{VerificationID: "ver_1", Target: Bound, Kind: policy.Email}))
	})
	left := func() (spent, verifications, factors int) {
		f.update(t, func(tx *Tx) error {
			return errors.Join(tx.row([]any{&spent}, `SELECT count(*) FROM spent_challenges`), tx.row([]any{&verifications}, `SELECT count(*) FROM verifications`),
				tx.row([]any{&factors}, `SELECT count(*) FROM verification_factors`))
		})
		return
	}
	f.advance(23 * time.Hour)
	if err := f.Purge(context.Background()); err != nil {
		t.Fatal(err)
	}
	if s, v, n := left(); s != 1 || v != 1 || n != 1 {
		t.Errorf("after a few hours %d, %d, %d are left", s, v, n)
	}
	f.advance(72 * time.Hour)
	if err := f.Purge(context.Background()); err != nil {
		t.Fatal(err)
	}
	if s, v, n := left(); s != 0 || v != 0 || n != 0 {
		t.Errorf("after days %d, %d, %d are left", s, v, n)
	}
}

func TestAnAddressIsFoundUnderTheKeyItWasSavedWith(t *testing.T) {
	f := open(t)
	f.keys, _ = secret.NewKeys(make([]byte, 32))
	f.reopen(t)
	account(t, f, "acc_1", "one@mail.example")
	entry := Address{ID: "adr_1", AccountID: "acc_1", Label: "Cold", Network: "tron", Address: "one", CreatedAt: start}
	f.update(t, func(tx *Tx) error {
		w := Withdrawal{ID: "wd_1", AccountID: "acc_1", RequestHash: []byte{1}, Network: "tron", Address: "one"}
		if err := errors.Join(tx.AddAddress(&entry), tx.AddWithdrawal(&w)); err != nil {
			return err
		}
		_, err := tx.MoveWithdrawal("wd_1", Requested, Approved, "codes", "")
		return err
	})
	next := make([]byte, 32)
	next[0] = 1
	f.keys, _ = secret.NewKeys(next, make([]byte, 32))
	f.reopen(t)
	f.update(t, func(tx *Tx) error {
		again := entry
		again.ID, again.Label = "adr_2", "Twice"
		if err := tx.Nested(func() error { return tx.AddAddress(&again) }); !errors.Is(err, ErrExists) {
			t.Errorf("it is saved twice: %v", err)
		}
		if found, err := tx.SavedAddress("acc_1", "tron", "one", ""); err != nil || found.ID != "adr_1" || found.Label != "Cold" || !found.CreatedAt.Equal(start) {
			t.Errorf("%+v, %v", found, err)
		}
		if _, err := tx.SavedAddress("acc_1", "tron", "one", "a memo"); !errors.Is(err, ErrNotFound) {
			t.Errorf("with another memo: %v", err)
		}
		if used, err := tx.UsedAddresses("acc_1"); err != nil || used[Recipient{Network: "tron", Address: "one"}].IsZero() {
			t.Errorf("%v, %v", used, err)
		}
		return nil
	})
}

// The writer does nothing else meanwhile, so no purge may read a table from end to end.
func TestAPurgeReadsNoWholeTable(t *testing.T) {
	sqliteOnly(t)
	f := open(t)
	type step struct {
		id, parent, unused int
		detail             string
	}
	for _, p := range purges {
		f.update(t, func(tx *Tx) error {
			plan, err := rows(tx, func(s *step) []any { return []any{&s.id, &s.parent, &s.unused, &s.detail} }, "EXPLAIN QUERY PLAN "+p.text, millis(tx.Now), purgeBatch)
			for _, s := range plan {
				if strings.HasPrefix(s.detail, "SCAN") && !strings.HasPrefix(s.detail, "SCAN (subquery") {
					t.Errorf("%s: %s", p.text, s.detail)
				}
			}
			return err
		})
	}
}

// The desk asks within the writer, as what is seen is written down: no question may read a table from end to end, nor sort one.
func TestTheDeskReadsNoWholeTable(t *testing.T) {
	sqliteOnly(t)
	f := open(t)
	f.update(t, func(tx *Tx) error {
		asked := []error{}
		for view := range ticketViews {
			_, known, err := tx.TicketQueue(view, "opr_1", "", "", "", 50)
			asked = append(asked, err)
			if !known {
				t.Errorf("%s is no view", view)
			}
		}
		_, err1 := tx.CountTickets("opr_1")
		_, err2 := tx.OperatorEvents(0, 50)
		_, err3 := tx.AllEvents("acc_1", 0, 50)
		_, err4 := tx.Events("acc_1", 0, 50)
		_, err5 := tx.DeleteTickets(tx.Now, 50)
		_, err6 := tx.DueRecordings(50)
		_, err7 := tx.TicketsPage("acc_1", "", 20)
		_, err8 := tx.ApprovedByDay(tx.Now, tx.Now)
		_, err9 := tx.MedianSignIn("codes", tx.Now, tx.Now, day)
		_, err10 := tx.MedianCreation(tx.Now, tx.Now)
		_, err11 := tx.CountSetUpRequests(tx.Now, tx.Now)
		_, err12 := tx.LooseRecordings("acc_1", nil)
		_, err13 := tx.LooseRecordings("", []byte("d"))
		return errors.Join(append(asked, err1, err2, err3, err4, err5, err6, err7, err8, err9, err10, err11, err12, err13)...)
	})
	type step struct {
		id, parent, unused int
		detail             string
	}
	// By the key alone one walks through all that others left, until enough is found.
	walk := regexp.MustCompile(`autoindex_tickets_1 \(id[<>]|PRIMARY KEY \(rowid[<>]`)
	parameter := regexp.MustCompile(`\$\d+`)
	n := 0
	for text := range f.lite.writeStmts.byText {
		if !strings.HasPrefix(text, "SELECT") {
			continue
		}
		n++
		f.update(t, func(tx *Tx) error {
			plan, err := rows(tx, func(s *step) []any { return []any{&s.id, &s.parent, &s.unused, &s.detail} }, "EXPLAIN QUERY PLAN "+parameter.ReplaceAllString(text, "'x'"))
			for _, s := range plan {
				if strings.HasPrefix(s.detail, "SCAN") || walk.MatchString(s.detail) || s.detail == "USE TEMP B-TREE FOR ORDER BY" && strings.Contains(text, "FROM tickets") {
					t.Errorf("%s\n%s", s.detail, text)
				}
			}
			return err
		})
	}
	if n < 14 {
		t.Errorf("%d questions were asked", n)
	}
}

func TestWhatAnOperatorLeavesIsPurged(t *testing.T) {
	f := open(t)
	f.update(t, func(tx *Tx) error {
		o := Operator{ID: "opr_1", Handle: []byte("h"), Name: "Lena", Role: "support", CreatedAt: tx.Now}
		err := tx.AddOperator(&o, "lena@bank.example")
		for i := range purgeBatch + 3 {
			s := OperatorSession{OperatorID: "opr_1", ID: fmt.Sprintf("ops_%d", i), CreatedAt: tx.Now, LastSeenAt: tx.Now, ExpiresAt: tx.Now.Add(12 * time.Hour)}
			_, add := tx.AddOperatorSession(&s)
			err = errors.Join(err, add, tx.AddInvitation(fmt.Appendf(nil, "%d", i), "opr_1", tx.Now.Add(72*time.Hour)))
		}
		return err
	})
	left := func(want int) {
		t.Helper()
		if err := f.Purge(context.Background()); err != nil {
			t.Fatal(err)
		}
		f.update(t, func(tx *Tx) error {
			var sessions, invitations, operators int
			err := errors.Join(tx.row([]any{&sessions}, `SELECT count(*) FROM operator_sessions`), tx.row([]any{&invitations}, `SELECT count(*) FROM operator_invitations`), tx.row([]any{&operators}, `SELECT count(*) FROM operators`))
			if sessions != want || invitations != want || operators != 1 {
				t.Errorf("%d sessions, %d invitations and %d operators, want %d, %d and 1", sessions, invitations, operators, want, want)
			}
			return err
		})
	}
	f.advance(30 * day)
	left(purgeBatch + 3)
	f.advance(3*day + time.Hour)
	left(0)
}

func TestAPurgeOfManyRowsLetsOthersWriteBetween(t *testing.T) {
	f := open(t)
	account(t, f, "acc_1", "one@mail.example")
	const many = 3*purgeBatch + 7
	f.update(t, func(tx *Tx) error {
		for i := range many {
			nonce := fmt.Appendf(nil, "%016d", i)
			s := Session{ID: secret.NewID("ses", tx.Now), AccountID: "acc_1", CreatedAt: tx.Now, LastSeenAt: tx.Now, ExpiresAt: tx.Now.Add(90 * day)}
			_, err := tx.AddSession(&s)
			if err := errors.Join(err, tx.SpendLoginChallenge(nonce, tx.Now.Add(5*time.Minute))); err != nil {
				return err
			}
		}
		return nil
	})
	f.advance(121 * day)
	f.update(t, func(tx *Tx) error {
		_, err := tx.AddSession(&Session{ID: secret.NewID("ses", tx.Now), AccountID: "acc_1", ExpiresAt: tx.Now.Add(90 * day)})
		return errors.Join(err, tx.SpendLoginChallenge([]byte("n"), tx.Now.Add(5*time.Minute)))
	})
	// Every update asks the clock once: what waits for the writer goes on between two of them.
	var updates atomic.Int64
	clock := f.DB.clock
	f.DB.clock = func() time.Time { updates.Add(1); return clock() }
	if err := f.Purge(context.Background()); err != nil {
		t.Fatal(err)
	}
	if n := updates.Load(); n < 2*4 {
		t.Errorf("the purge took %d updates", n)
	}
	f.update(t, func(tx *Tx) error {
		var spent, sessions int
		err := errors.Join(tx.row([]any{&spent}, `SELECT count(*) FROM spent_challenges`), tx.row([]any{&sessions}, `SELECT count(*) FROM sessions`))
		if spent != 1 || sessions != 1 {
			t.Errorf("%d challenges and %d sessions are left, want one of each", spent, sessions)
		}
		return err
	})
}

func TestClaimedMessagesAreLeasedAndForgottenOnceSent(t *testing.T) {
	f := open(t)
	ctx := context.Background()
	f.update(t, func(tx *Tx) error {
		return tx.Queue("", delivery.Message{Channel: "email", To: "one@mail.example", Code: "123456"}, tx.Now.Add(time.Hour))
	})
	select {
	case <-f.Wake():
	default:
		t.Error("the worker is not woken")
	}
	first, err := f.Claim(ctx, f.clock(), time.Minute, 10)
	if err != nil || len(first) != 1 || first[0].Message.Code != "123456" || first[0].Attempts != 1 {
		t.Fatalf("%+v, %v", first, err)
	}
	if again, err := f.Claim(ctx, f.clock(), time.Minute, 10); len(again) != 0 || err != nil {
		t.Errorf("leased twice: %v, %v", again, err)
	}
	f.advance(time.Minute)
	if again, err := f.Claim(ctx, f.clock(), time.Minute, 10); len(again) != 1 || again[0].Attempts != 2 || err != nil {
		t.Errorf("after the lease: %v, %v", again, err)
	}
	if err := f.Sent(ctx, first[0].ID, f.clock(), delivery.Receipt{}); err != nil {
		t.Fatal(err)
	}
	f.update(t, func(tx *Tx) error {
		var size int
		if err := tx.row([]any{&size}, `SELECT length(message_sealed) FROM outbox`); err != nil || size != 0 {
			t.Errorf("%d bytes of the message are kept, %v", size, err)
		}
		return nil
	})
}

func TestNumbersAndQueueAreReadByIndexAlone(t *testing.T) {
	sqliteOnly(t)
	t.Parallel()
	f := open(t)
	f.update(t, func(tx *Tx) error {
		for text, want := range map[string]string{
			`SELECT count(*), count(CASE WHEN codes_at > 0 OR prompted_at > 0 OR outcome = 'done' THEN 1 END) FROM attempts WHERE operation = 'create' AND begun_at >= 1 AND begun_at < 2`: "COVERING INDEX attempts_by_time",
			`SELECT outcome, platform, count(*) FROM attempts WHERE operation = 'create' AND begun_at >= 1 AND begun_at < 2 AND prompted_at > 0 GROUP BY outcome, platform`:                "COVERING INDEX attempts_by_time",
			`SELECT ended_at - begun_at FROM attempts WHERE operation = 'sign_in' AND begun_at >= 1 AND begun_at < 2 AND outcome = 'done' AND ended_at > 0`:                                "COVERING INDEX attempts_by_time",
			ticketRow + `WHERE t.state = 'resolved' AND t.id < '~' ORDER BY t.id DESC LIMIT 50`:                                                                                            "tickets_by_state (state=? AND id<?)",
		} {
			type step struct {
				id, parent, unused int
				detail             string
			}
			plan, err := rows(tx, func(s *step) []any { return []any{&s.id, &s.parent, &s.unused, &s.detail} }, "EXPLAIN QUERY PLAN "+text)
			if err != nil {
				return err
			}
			found := false
			for _, s := range plan {
				found = found || strings.Contains(s.detail, want)
			}
			if !found {
				t.Errorf("%s\nis read by %+v", text, plan)
			}
		}
		return nil
	})
}
