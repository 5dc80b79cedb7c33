package flowtest

import (
	"testing"

	"countersign/internal/policy"
	"countersign/internal/testkit"
)

func TestAnUnknownNameBesideACodeGivesNoFreeGuess(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Full()
	v := c.Begin(policy.ChangePassword, "", other).Verification()
	c.SendCode(v.ID, "email")
	right := k.Code(c.Email)
	// Were the right code judged before the name is refused, it would be told apart by the time of its rollback.
	c.Codes(v.ID, map[string]string{"email": right, "x": "1"}).Refused("invalid_request")
	var problem struct {
		TriesLeft int               `json:"tries_left"`
		Results   map[string]string `json:"results"`
	}
	c.Codes(v.ID, map[string]string{"email": testkit.Wrong(right)}).Refused("code_wrong").Into(&problem)
	if problem.TriesLeft != 4 || problem.Results["email"] != "wrong" {
		t.Errorf("%d tries left, %v", problem.TriesLeft, problem.Results)
	}
}
