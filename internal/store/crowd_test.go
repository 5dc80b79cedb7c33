package store

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"countersign/internal/policy"
	"countersign/internal/secret"
)

// TestACrowdOfLoginsIsAsOneAfterAnother has logins by few accounts wait until they share a batch, with some that fail in every way.
func TestACrowdOfLoginsIsAsOneAfterAnother(t *testing.T) {
	f := open(t)
	const people, each = 4, 9
	handles := make([][]byte, people)
	f.update(t, func(tx *Tx) error {
		for i := range handles {
			id := fmt.Sprint("acc_", i)
			handles[i] = secret.Random(64)
			err := errors.Join(tx.AddAccount(&Account{ID: id, Handle: handles[i], Locale: "en", PasswordHash: "x", CreatedAt: tx.Now}),
				tx.PutFactor(id, policy.Email, fmt.Sprint(i, "@mail.example"), "hint", 0), tx.AddDevice(id, []byte("device")),
				tx.AddPasskey(&Passkey{Key: Key{ID: fmt.Sprint("pk_", i), AccountID: id, CredentialID: fmt.Append(nil, "credential", i), PublicKey: []byte{1}, Name: "Phone", WithdrawalPower: i%2 == 0}, AAGUID: make([]byte, 16), AttestationObject: []byte{}, ClientDataJSON: []byte{}}))
			if err != nil {
				return err
			}
		}
		return nil
	})
	boom := errors.New("boom")
	expires := start.Add(5 * time.Minute)
	// login uses the passkey of somebody: its counter goes on by one. result is what is answered in the end.
	login := func(ctx context.Context, who int, nonce string, result func() error) (a *Answered, err error) {
		var answered func() *Answered
		err = f.UpdateAsking(ctx, handles[who], func(tx *Tx) (err error) {
			answered, err = tx.AskLogin([]byte(nonce), expires, handles[who], fmt.Append(nil, "credential", who), []byte("device"))
			return err
		}, func(tx *Tx) error {
			if a = answered(); !a.Spent {
				return Keep(ErrExists)
			}
			if !a.Found || !a.Known || a.Key.ID != fmt.Sprint("pk_", who) || a.Key.WithdrawalPower != (who%2 == 0) {
				return fmt.Errorf("%+v", a)
			}
			if err := tx.UsePasskey(&a.Key, a.Key.SignCount+1, false, "browser"); err != nil {
				return err
			}
			return result()
		})
		return a, err
	}
	well := func() error { return nil }

	var all sync.WaitGroup
	waiting := 0
	// together has all that it begins wait behind one login, so that they share a batch.
	together := func(name string, begin, waited func()) {
		hold, held := make(chan struct{}), make(chan struct{})
		var once sync.Once
		all.Go(func() {
			if _, err := login(t.Context(), 0, name, func() error { once.Do(func() { close(held); <-hold }); return nil }); err != nil {
				t.Error(err)
			}
		})
		<-held
		waiting = 0
		begin()
		for f.Waiting() < waiting {
			runtime.Gosched()
		}
		waited()
		close(hold)
		all.Wait()
	}
	wait := func(want error, ctx context.Context, who int, nonce string, result func() error) {
		all.Go(func() {
			if _, err := login(ctx, who, nonce, result); (want == nil) != (err == nil) || want != nil && !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", nonce, err, want)
			}
		})
		waiting++
	}
	everybody := func(wave string) func() {
		return func() {
			for i := range people {
				for n := range each {
					wait(nil, t.Context(), i, fmt.Sprint(wave, i, "/", n), well)
				}
			}
		}
	}
	together("the first of all", everybody("a"), func() {})
	var twice [2]error
	gone, leave := context.WithCancel(t.Context())
	together("the first of the others", func() {
		everybody("b")()
		for i := range twice {
			all.Go(func() { _, twice[i] = login(t.Context(), i, "spent by two", well) })
			waiting++
		}
		wait(boom, t.Context(), 1, "fails", func() error { return boom })
		wait(boom, t.Context(), 2, "is refused", func() error { return Keep(boom) })
		wait(context.Canceled, gone, 3, "has gone", well)
	}, leave)

	if (twice[0] == nil) == (twice[1] == nil) || !errors.Is(errors.Join(twice[:]...), ErrExists) {
		t.Errorf("a challenge that two had: %v", twice)
	}
	// One login and one refusal besides the others; who was first of the two that had one challenge is anybody's guess.
	total := 0
	for i := range handles {
		a, err := login(t.Context(), i, fmt.Sprint("afterwards ", i), well)
		if err != nil {
			t.Fatal(err)
		}
		total += int(a.Key.SignCount)
	}
	if want := 2*(1+people*each) + 1 + 1; total != want {
		t.Errorf("passkeys were used %d times, want %d", total, want)
	}
	for nonce, spent := range map[string]bool{"fails": false, "has gone": false, "is refused": true, "the first of all": true, "spent by two": true, "a0/0": true, "b0/0": true} {
		if _, err := login(t.Context(), 1, nonce, well); errors.Is(err, ErrExists) != spent {
			t.Errorf("%s: %v, want it spent: %v", nonce, err, spent)
		}
	}
}
