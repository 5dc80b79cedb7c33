package flowtest

import (
	"testing"

	"countersign/internal/policy"
	"countersign/internal/testkit"
)

func TestTheCodeThatBoundAThirdFactorIsSpent(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Customer(policy.Phone)
	p := c.CreatePasskey()
	v := c.ProveNew(c.Do(policy.BindFactor, "authenticator", ""), "").Verification()
	if next(v) != "finish" {
		t.Fatal(next(v))
	}
	c.Finish(v.ID, "", []string{p.ID}).OK()
	b := k.Browser()
	login := b.StartLogin(c.Email, c.Password).Verification()
	b.Codes(login.ID, map[string]string{"any": stepCode(c, 0)}).Refused("login_refused")
	b.Codes(login.ID, map[string]string{"any": c.AppCode()}).OK()
}
