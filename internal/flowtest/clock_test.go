package flowtest

import (
	"testing"
	"time"

	"countersign/internal/policy"
	"countersign/internal/testkit"
)

func TestAfterAClockThatWentAheadAndBackMessagesGoOutAndThingsExpire(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Customer(policy.Authenticator)
	k.Clock.Advance(48 * time.Hour)
	k.Browser().StartLogin("somebody@mail.example", "a guess").OK()
	k.Clock.Advance(-48 * time.Hour)
	k.Deliver()

	v := c.Begin(policy.SetPhrase, "", "copper heron").Verification()
	c.SendCode(v.ID, "email").OK()
	k.Deliver()
	sent := k.Code(c.Email)
	k.Clock.Advance(10*time.Minute + time.Second)
	c.Codes(v.ID, map[string]string{"email": sent}).Refused("code_wrong")
	c.SendCode(v.ID, "email").OK()
	k.Deliver()
	c.Codes(v.ID, map[string]string{"email": k.Code(c.Email)}).OK()
	k.Clock.Advance(5 * time.Minute)
	c.Codes(v.ID, map[string]string{"authenticator": c.AppCode()}).Refused("verification_expired")
}

func TestALoginChallengeOfAClockThatWasAheadIsRefused(t *testing.T) {
	testkit.SQLiteOnly(t) // copies keep the time beside their updates
	t.Parallel()
	k := testkit.New(t)
	c := k.Customer(policy.Authenticator)
	c.CreatePasskey()
	b := k.Browser()
	k.Clock.Advance(365 * day)
	options := b.LoginOptions()
	// Nothing was written, so that a service which is started again knows nothing of that time.
	k.Close()
	k.Clock.Advance(-365 * day)
	k = testkit.Open(t, k.Path, k.Clock)
	b.Kit = k
	b.LoginWith(c.Assert(options)).Refused("challenge_expired")
	k.Clock.Advance(364 * day)
	b.LoginWith(c.Assert(options)).Refused("challenge_expired")
	b.LoginWith(c.Assert(b.LoginOptions())).OK()
}
