package testkit

import (
	"encoding/json"
	"time"

	"countersign/internal/policy"
)

// These are the answers of the API as a client reads them. They are written down here once more, rather than taken from
// the packages that make them, so that a test notices when a member is renamed.
type (
	// Verification is what every step of a verification answers.
	Verification struct {
		ID             string         `json:"id"`
		Purpose        policy.Purpose `json:"purpose"`
		Object         string         `json:"object"`
		Status         string         `json:"status"`
		ExpiresAt      time.Time      `json:"expires_at"`
		Next           *string        `json:"next"`
		Ways           []string       `json:"ways"`
		PasskeyBlocked *policy.Block  `json:"passkey_blocked"`
		Password       *struct {
			Matched bool `json:"matched"`
		} `json:"password"`
		Factors        []Factor    `json:"factors"`
		NewFactor      *NewFactor  `json:"new_factor"`
		TriesLeft      int         `json:"tries_left"`
		ChallengesLeft int         `json:"challenges_left"`
		Passkeys       *Passkeys   `json:"passkeys"`
		HoldAfter      *string     `json:"hold_after"`
		Withdrawal     *Withdrawal `json:"withdrawal"`
		Result         *Result     `json:"result"`
	}
	// Factor is the progress of one factor.
	Factor struct {
		Kind          string     `json:"kind"`
		Hint          string     `json:"hint"`
		Matched       bool       `json:"matched"`
		SentAt        *time.Time `json:"sent_at"`
		ResendAt      *time.Time `json:"resend_at"`
		CodeExpiresAt *time.Time `json:"code_expires_at"`
	}
	// NewFactor is the progress of a factor being bound.
	NewFactor struct {
		Factor
		Secret     *string `json:"secret"`
		OtpauthURL *string `json:"otpauth_url"`
	}
	// Passkeys is a page of passkeys.
	Passkeys struct {
		Items []Passkey `json:"items"`
		Next  *string   `json:"next"`
		Total int       `json:"total"`
	}
	// Passkey is one passkey.
	Passkey struct {
		ID              string     `json:"id"`
		Name            string     `json:"name"`
		Synced          bool       `json:"synced"`
		BackupEligible  bool       `json:"backup_eligible"`
		WithdrawalPower bool       `json:"withdrawal_power"`
		Suspended       bool       `json:"suspended"`
		LastUsedAt      *time.Time `json:"last_used_at"`
		Current         bool       `json:"current"`
	}
	// Result is what a completed verification brings.
	Result struct {
		Session    *Session        `json:"session"`
		Passkey    *Passkey        `json:"passkey"`
		Withdrawal *Withdrawal     `json:"withdrawal"`
		Hold       *Hold           `json:"hold"`
		Accepted   json.RawMessage `json:"accepted_credentials"`
	}
	// Session is a new session, or the one in use.
	Session struct {
		ID        string `json:"id"`
		AccountID string `json:"account_id"`
		Method    string `json:"method"`
		Token     string `json:"token"`
	}
	// Hold is a span without withdrawals.
	Hold struct {
		Since  time.Time `json:"since"`
		Until  time.Time `json:"until"`
		Reason string    `json:"reason"`
	}
	// Withdrawal is a withdrawal.
	Withdrawal struct {
		ID            string     `json:"id"`
		State         string     `json:"state"`
		Asset         string     `json:"asset"`
		Amount        string     `json:"amount"`
		Fee           string     `json:"fee"`
		Receives      string     `json:"receives"`
		Address       string     `json:"address"`
		AddressKnown  string     `json:"address_known"`
		ExpiresAt     time.Time  `json:"expires_at"`
		WaitsUntil    *time.Time `json:"waits_until"`
		Lookalike     *Lookalike `json:"lookalike"`
		DetailsDigest string     `json:"details_digest"`
		Fingerprint   *string    `json:"fingerprint"`
		ApprovedBy    *struct {
			Way     string `json:"way"`
			Passkey string `json:"passkey"`
		} `json:"approved_by"`
	}
	// Lookalike is a saved address that another could be mistaken for.
	Lookalike struct {
		Address string `json:"address"`
		Label   string `json:"label"`
	}
	// Account is the overview.
	Account struct {
		ID      string `json:"id"`
		Status  string `json:"status"`
		Factors map[policy.Kind]struct {
			Bound bool   `json:"bound"`
			Hint  string `json:"hint"`
		} `json:"factors"`
		BoundCount int `json:"bound_count"`
		Passkeys   struct {
			Total    int `json:"total"`
			Powerful int `json:"with_withdrawal_power"`
		} `json:"passkeys"`
		PasskeyWithdrawals Availability `json:"passkey_withdrawals"`
		CodeWithdrawals    Availability `json:"code_withdrawals"`
		Hold               *Hold        `json:"hold"`
		PhraseSet          bool         `json:"phrase_set"`
		Sessions           int          `json:"sessions"`
		Session            Session      `json:"session"`
	}
	// Availability tells whether a way is open.
	Availability struct {
		Available bool           `json:"available"`
		Blocks    []policy.Block `json:"blocks"`
	}
	// Challenge is what a credential API is called with.
	Challenge struct {
		Kind      string          `json:"kind"`
		PublicKey json.RawMessage `json:"public_key"`
		ExpiresAt time.Time       `json:"expires_at"`
	}
)
