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
