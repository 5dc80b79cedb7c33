package totp

import (
	"bytes"
	"encoding/base32"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp"
)

var rfcSecret = []byte("12345678901234567890")

// The vectors of RFC 6238 appendix B for SHA-1, which have eight digits: a code
// of six digits is the last six of them.
func TestCodesAreThoseOfRFC6238(t *testing.T) {
	for unix, want := range map[int64]string{
		59:          "94287082",
		1111111109:  "07081804",
		1111111111:  "14050471",
		1234567890:  "89005924",
		2000000000:  "69279037",
		20000000000: "65353130",
	} {
		at := time.Unix(unix, 0)
		if got := Code(rfcSecret, at); got != want[2:] {
			t.Errorf("at %d: got %s, want %s", unix, got, want[2:])
		}
		if step, ok := Match(rfcSecret, want[2:], at, 0); !ok || step != unix/30 {
			t.Errorf("at %d: matched step %d, %v", unix, step, ok)
		}
	}
}

func TestOneStepOfSkewIsForgivenAndNoMore(t *testing.T) {
	at := time.Unix(1111111111, 0)
	for offset := -4; offset <= 4; offset++ {
		code := Code(rfcSecret, at.Add(time.Duration(offset)*Period))
		step, ok := Match(rfcSecret, code, at, 0)
		if within := offset >= -1 && offset <= 1; ok != within {
			t.Errorf("%d steps off: matched %v", offset, ok)
		} else if ok && step != Step(at)+int64(offset) {
			t.Errorf("%d steps off: matched step %d", offset, step)
		}
	}
}

func TestAStepMatchesOnce(t *testing.T) {
	at := time.Unix(1111111111, 0)
	code := Code(rfcSecret, at)
	step, ok := Match(rfcSecret, code, at, 0)
	if !ok {
		t.Fatal("did not match")
	}
	if _, ok := Match(rfcSecret, code, at, step); ok {
		t.Error("matched again")
	}
	if _, ok := Match(rfcSecret, code, at.Add(Period), step); ok {
		t.Error("matched again within the skew")
	}
	if _, ok := Match(rfcSecret, Code(rfcSecret, at.Add(-Period)), at, step); ok {
		t.Error("an earlier step matched after a later one")
	}
	if next, ok := Match(rfcSecret, Code(rfcSecret, at.Add(Period)), at.Add(Period), step); !ok || next != step+1 {
		t.Error("the next step did not match")
	}
}

// Steps 910737 and 910738 of this secret, found by search, share a code.
func TestOfTwoStepsWithOneCodeTheLaterIsSpent(t *testing.T) {
	const first = 910737
	code := codeOf(rfcSecret, first)
	if code != codeOf(rfcSecret, first+1) {
		t.Fatal("the two steps do not share a code")
	}
	at := time.Unix((first+1)*30, 0)
	step, ok := Match(rfcSecret, code, at, 0)
	if !ok || step != first+1 {
		t.Errorf("matched step %d, want %d", step, first+1)
	}
	if _, ok := Match(rfcSecret, code, at, step); ok {
		t.Error("the same digits matched twice")
	}
}

func TestOnlySixASCIIDigitsMatch(t *testing.T) {
	at := time.Unix(59, 0)
	for _, code := range []string{"", "287082 ", " 287082", "28708", "94287082", "287 082", "+287082", "２８７０８２", "287082\x00", "000000"} {
		if _, ok := Match(rfcSecret, code, at, 0); ok {
			t.Errorf("%q matched", code)
		}
	}
}

func TestNothingMatchesBeforeTheEpoch(t *testing.T) {
	at := time.Unix(-40, 0)
	if Step(at) != -2 {
		t.Errorf("step %d", Step(at))
	}
	for offset := range 3 {
		if _, ok := Match(rfcSecret, Code(rfcSecret, at.Add(Period*time.Duration(offset-1))), at, -100); ok {
			t.Error("matched a step before the epoch")
		}
	}
}

func TestSecretsAreTwentyFreshBytes(t *testing.T) {
	one, err := NewSecret()
	if err != nil {
		t.Fatal(err)
	}
	two, err := NewSecret()
	if err != nil {
		t.Fatal(err)
	}
	if len(one) != SecretSize || bytes.Equal(one, two) {
		t.Errorf("%x and %x", one, two)
	}
	back, err := base32.StdEncoding.DecodeString(Base32(one))
	if err != nil || !bytes.Equal(back, one) || len(Base32(one)) != 32 {
		t.Errorf("%s does not read back", Base32(one))
	}
}

func TestEnrolmentLinksReadBack(t *testing.T) {
	for _, tc := range []struct{ issuer, label string }{
		{"Countersign", "ines@halloran.example"},
		{"Halloran & Sons: Exchange", "ines+1@halloran.example"},
		{"Börse 100%", "i/n?e#s"},
	} {
		link := URL(tc.issuer, tc.label, rfcSecret)
		if strings.Contains(link, "+") && !strings.Contains(tc.label, "+") {
			t.Errorf("%s: a plus for a space", link)
		}
		if _, err := url.Parse(link); err != nil {
			t.Fatal(err)
		}
		key, err := otp.NewKeyFromURL(link)
		if err != nil {
			t.Fatal(err)
		}
		issuer := strings.ReplaceAll(tc.issuer, ":", "")
		if key.Issuer() != issuer || key.AccountName() != tc.label || key.Secret() != Base32(rfcSecret) ||
			key.Period() != 30 || key.Digits() != otp.DigitsSix || key.Algorithm() != otp.AlgorithmSHA1 || key.Type() != "totp" {
			t.Errorf("%s reads back as %q %q", link, key.Issuer(), key.AccountName())
		}
	}
}
