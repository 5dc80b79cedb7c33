package flowtest

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"countersign/approval"
	"countersign/internal/policy"
	"countersign/internal/softkey"
	"countersign/internal/testkit"
)

// elsewhere runs `countersign verify` in a folder where there is nothing but the program and the document, and no environment.
func elsewhere(t *testing.T, program string, document []byte, args ...string) (output string, code int) {
	t.Helper()
	folder := t.TempDir()
	if err := os.Link(program, filepath.Join(folder, "countersign")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "proof.json"), document, 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.Command("./countersign", append(append([]string{"verify"}, args...), "proof.json")...)
	c.Dir, c.Env = folder, []string{}
	out, _ := c.CombinedOutput() // a failure is the exit code's to tell
	return string(out), c.ProcessState.ExitCode()
}

// What the flows leave is verified by the program alone, somewhere else.
func TestProofsOfTheFlowsAreVerifiedElsewhere(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "countersign")
	if out, err := exec.Command("go", "build", "-o", program, "countersign/cmd/countersign").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	k := testkit.New(t)
	asked := []string{"-rp", testkit.RPID, "-origin", testkit.Origin}
	id, key := k.Keys.Signer()
	serverKey := id + ":" + base64.RawURLEncoding.EncodeToString(key.Public().(ed25519.PublicKey))
	for name, approve := range map[string]func(t *testing.T) (*testkit.Customer, *testkit.Withdrawal, []string){
		"codes": func(t *testing.T) (*testkit.Customer, *testkit.Withdrawal, []string) {
			c := k.Customer(policy.Phone, policy.Authenticator)
			c.SetBalance("USDT", "1000")
			w := c.Withdraw("250")
			c.Answer(c.Approval(w)).Verification()
			return c, w, append(asked, "-way", "codes", "-server-key", serverKey)
		},
		"ES256":        byPasskey(k, asked),
		"EdDSA":        byPasskey(k, asked, softkey.Algorithm(softkey.EdDSA)),
		"RS256":        byPasskey(k, asked, softkey.Algorithm(softkey.RS256)),
		"device bound": byPasskey(k, asked, softkey.DeviceBound()),
	} {
		c, w, args := approve(t)
		document := c.Get("/v1/withdrawals/" + w.ID + "/approval").OK().Body
		if out, code := elsewhere(t, program, document, args...); code != 0 || !strings.Contains(out, "passed: "+w.ID) || !strings.Contains(out, *c.Withdrawal(w.ID).Fingerprint) {
			t.Errorf("%s: exit code %d\n%s", name, code, out)
		}
		for what, altered := range map[string]string{
			"another amount": strings.Replace(string(document), `\"amount\":\"250\"`, `\"amount\":\"251\"`, 1),
			"a line more":    string(document) + "\n" + string(document) + "x",
		} {
			if out, code := elsewhere(t, program, []byte(altered), args...); code != 1 || !strings.Contains(out, "FAILED") {
				t.Errorf("%s, %s: exit code %d\n%s", name, what, code, out)
			}
		}
		if out, code := elsewhere(t, program, document, append(args, "-rp", "other.example")...); code != 1 {
			t.Errorf("%s, another relying party: exit code %d\n%s", name, code, out)
		}
		if _, code := elsewhere(t, program, document, append(args, "-way", "post")...); code != 2 {
			t.Errorf("%s: wrong use has exit code %d", name, code)
		}
	}
}

func byPasskey(k *testkit.Kit, asked []string, kind ...softkey.Option) func(*testing.T) (*testkit.Customer, *testkit.Withdrawal, []string) {
	return func(t *testing.T) (*testkit.Customer, *testkit.Withdrawal, []string) {
		c := k.Full()
		c.Device = softkey.New(testkit.RPID, testkit.Origin, kind...)
		c.CreatePasskey()
		w := c.Withdraw("250")
		v := c.Approval(w)
		c.SubmitPasskey(v.ID, c.Assert(c.Challenge(v.ID).PublicKey)).Verification()
		return c, w, append(asked, "-way", "passkey")
	}
}

// What the service accepts of an authenticator, and keeps, the public verifier accepts too, whatever form of those that are
// legal it has; what bends a ceremony is refused by both.
func TestTheVerifierAgreesWithTheService(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	v, err := approval.NewVerifier(approval.Options{RelyingParty: testkit.RPID, Origins: []string{testkit.Origin}})
	if err != nil {
		t.Fatal(err)
	}
	for name, tweak := range map[string]softkey.Tweak{
		"extensions":         softkey.UnsolicitedExtensions(),
		"attested data":      softkey.AttestedData(),
		"a byte order mark":  softkey.BOM(),
		"other members":      softkey.Member("other_keys_can_be_added_here", map[string]any{"a": []any{1, nil}}),
		"no crossOrigin":     softkey.CrossOrigin(nil),
		"the greater s":      softkey.HighS(),
		"flags of a copy":    softkey.Flags(true, true, true, false),
		"a name with escape": softkey.ClientDataText(`"type"`, `"ty\u0070e"`),
	} {
		c := k.Full()
		c.CreatePasskey()
		w := c.Withdraw("20")
		r := c.Approval(w)
		c.SubmitPasskey(r.ID, c.Assert(c.Challenge(r.ID).PublicKey, tweak)).Verification()
		document := c.Get("/v1/withdrawals/" + w.ID + "/approval").OK().Body
		verdict, err := v.Verify(document)
		if err != nil || hex.EncodeToString(verdict.Fingerprint[:]) != *c.Withdrawal(w.ID).Fingerprint {
			t.Errorf("%s: %v", name, err)
		}
	}
}
