package store

import (
	"errors"
	"time"

	"countersign/internal/secret"
)

// The states of a withdrawal.
const (
	Requested  = "requested"
	Approved   = "approved"
	HandedOver = "handed_over"
	Declined   = "declined"
	Cancelled  = "cancelled"
	Expired    = "expired"
)

// Withdrawal is one request to send an asset away. Amounts are exact decimals.
type Withdrawal struct {
	ID, AccountID  string
	IdempotencyKey string
	RequestHash    []byte
	State          string
	Asset, Network string
	Address, Memo  string
	Amount, Fee    string
	AddressKnown   string // saved | used | new
	Label          string
	RequestedAt    time.Time
	ExpiresAt      time.Time
	DecidedAt      time.Time
	WaitsUntil     time.Time // a new address waits until then; zero if it does not
	ApprovedWay    string
	ApprovedName   string
	ApprovedAt     time.Time // zero if it was not
	HandOverUntil  time.Time // an approved one is handed over before then; zero before it is approved
	HandedOverAt   time.Time
	HandedOverBy   string // an API key's id
	HandedOverKey  string // the idempotency key under which it was taken
	// HandedOverEvent is the event of it, 0 before.
	HandedOverEvent int64
	Fingerprint     []byte // of the approval; nil if there is none
	SignatureHash   []byte
}

const withdrawalColumns = `w.id, w.account_id, w.idempotency_key, w.request_hash, w.state, w.asset, w.network, w.address, w.memo, w.amount, w.fee, w.address_known, w.label,
	w.requested_at, w.expires_at, w.decided_at, w.waits_until, w.approved_way, w.approved_name, coalesce(a.created_at, 0), w.hand_over_until, w.handed_over_at, w.handed_over_by, w.handed_over_key, w.handed_over_event, a.fingerprint, a.signature_hash
	FROM withdrawals w LEFT JOIN approvals a ON a.withdrawal_id = w.id`

func (w *Withdrawal) fields() []any {
	return []any{&w.ID, &w.AccountID, &w.IdempotencyKey, &w.RequestHash, &w.State, &w.Asset, &w.Network, &w.Address, &w.Memo, &w.Amount, &w.Fee, &w.AddressKnown, &w.Label,
		at{&w.RequestedAt}, at{&w.ExpiresAt}, at{&w.DecidedAt}, at{&w.WaitsUntil}, &w.ApprovedWay, &w.ApprovedName, at{&w.ApprovedAt}, at{&w.HandOverUntil}, at{&w.HandedOverAt}, &w.HandedOverBy, &w.HandedOverKey, &w.HandedOverEvent, &w.Fingerprint, &w.SignatureHash}
}

func (tx *Tx) addressIndex(network, address string) []byte {
	return tx.keys.MAC("address-index", []byte(network), []byte(address))
}

// AddWithdrawal inserts a requested withdrawal. ErrExists if the account has used the idempotency key.
func (tx *Tx) AddWithdrawal(w *Withdrawal) error {
	return tx.add(`INSERT INTO withdrawals (id, account_id, idempotency_key, request_hash, state, asset, network, address, address_index, memo, amount, fee, address_known, label,
		requested_at, expires_at, waits_until) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)`,
		w.ID, w.AccountID, w.IdempotencyKey, w.RequestHash, Requested, w.Asset, w.Network, w.Address, tx.addressIndex(w.Network, w.Address), w.Memo, w.Amount, w.Fee, w.AddressKnown, w.Label,
		millis(w.RequestedAt), millis(w.ExpiresAt), millis(w.WaitsUntil))
}

// Withdrawal reads a withdrawal of an account.
func (tx *Tx) Withdrawal(accountID, id string) (*Withdrawal, error) {
	var w Withdrawal
	return &w, tx.row(w.fields(), `SELECT `+withdrawalColumns+` WHERE w.account_id = $1 AND w.id = $2`, accountID, id)
}

// WithdrawalByKey reads the withdrawal that was created under an idempotency key.
func (tx *Tx) WithdrawalByKey(accountID, key string) (*Withdrawal, error) {
	var w Withdrawal
	return &w, tx.row(w.fields(), `SELECT `+withdrawalColumns+` WHERE w.account_id = $1 AND w.idempotency_key = $2`, accountID, key)
}

// WithdrawalOwner finds whose a withdrawal is: for the business's own systems and commands only.
func (tx *Tx) WithdrawalOwner(id string) (string, error) {
	var owner string
	return owner, tx.row([]any{&owner}, `SELECT account_id FROM withdrawals WHERE id = $1`, id)
}

// WithdrawalsPage reads withdrawals, the newest first, that are older than the one named; "" begins.
func (tx *Tx) WithdrawalsPage(accountID, before string, limit int) ([]Withdrawal, error) {
	if before == "" {
		before = afterAll
	}
	return rows(tx, (*Withdrawal).fields, `SELECT `+withdrawalColumns+` WHERE w.account_id = $1 AND w.id < $2 ORDER BY w.id DESC LIMIT $3`, accountID, before, limit)
}

// Waiting counts an account's withdrawals that can still be approved, and tells when the first of them expires.
func (tx *Tx) Waiting(accountID string) (n int, first time.Time, err error) {
	return n, first, tx.row([]any{&n, at{&first}}, `SELECT count(*), coalesce(min(expires_at), 0) FROM withdrawals WHERE account_id = $1 AND state = 'requested' AND expires_at > $2`,
		accountID, millis(tx.Now))
}

// OpenWithdrawals reads what a freeze cancels: requested, and approved but not handed over.
func (tx *Tx) OpenWithdrawals(accountID string) ([]Withdrawal, error) {
	return rows(tx, (*Withdrawal).fields, `SELECT `+withdrawalColumns+` WHERE w.account_id = $1 AND w.state IN ('requested', 'approved')`, accountID)
}

// OverdueWithdrawals reads requested withdrawals, of any account, whose deadline has passed.
func (tx *Tx) OverdueWithdrawals(limit int) ([]Withdrawal, error) {
	return rows(tx, (*Withdrawal).fields, `SELECT `+withdrawalColumns+` WHERE w.state = 'requested' AND w.expires_at <= $1 LIMIT $2`, millis(tx.Now), limit)
}

// OverdueHandOvers reads approved withdrawals, of any account, that nobody took in time.
func (tx *Tx) OverdueHandOvers(limit int) ([]Withdrawal, error) {
	return rows(tx, (*Withdrawal).fields, `SELECT `+withdrawalColumns+` WHERE w.state = 'approved' AND w.hand_over_until <= $1 LIMIT $2`, millis(tx.Now), limit)
}

// WithdrawalsToHandOver reads approved withdrawals, of any account, after the one named: the most urgent first.
func (tx *Tx) WithdrawalsToHandOver(until time.Time, after string, limit int) ([]Withdrawal, error) {
	return rows(tx, (*Withdrawal).fields, `SELECT `+withdrawalColumns+` WHERE w.state = 'approved' AND w.hand_over_until > $1 AND (w.hand_over_until > $2 OR w.hand_over_until = $2 AND w.id > $3)
		ORDER BY w.hand_over_until, w.id LIMIT $4`, millis(tx.Now), millis(until), after, limit)
}

// WithdrawalByHandOver reads the withdrawal that an API key took under an idempotency key.
func (tx *Tx) WithdrawalByHandOver(apiKey, key string) (*Withdrawal, error) {
	var w Withdrawal
	return &w, tx.row(w.fields(), `SELECT `+withdrawalColumns+` WHERE w.handed_over_by = $1 AND w.handed_over_key = $2 AND w.handed_over_by <> ''`, apiKey, key)
}

// HandOver moves an approved withdrawal to handed_over, once: false if it is not approved, or its time is over.
func (tx *Tx) HandOver(id, apiKey, key string, event int64) (bool, error) {
	return tx.once(`UPDATE withdrawals SET state = 'handed_over', handed_over_at = $2, handed_over_by = $3, handed_over_key = $4, handed_over_event = $5 WHERE id = $1 AND state = 'approved' AND hand_over_until > $2`,
		id, millis(tx.Now), apiKey, key, event)
}

// HandedOver reads what a withdrawal's row says of its state, and of when it was handed over.
func (tx *Tx) HandedOver(id string) (state string, when time.Time, err error) {
	return state, when, tx.row([]any{&state, at{&when}}, `SELECT state, handed_over_at FROM withdrawals WHERE id = $1`, id)
}

// HandOverUntil is the member of the data of withdrawal.approved that tells until when it may be handed over, as FormatEventTime has it.
const HandOverUntil = "hand_over_until"

// SetHandOverUntil says until when an approved withdrawal may be handed over.
func (tx *Tx) SetHandOverUntil(id string, until time.Time) error {
	return tx.run(`UPDATE withdrawals SET hand_over_until = $2 WHERE id = $1`, id, millis(until))
}

// MoveWithdrawal changes the state, once: false if it is not in the state from.
func (tx *Tx) MoveWithdrawal(id, from, to, way, name string) (bool, error) {
	return tx.once(`UPDATE withdrawals SET state = $3, decided_at = $4, approved_way = CASE WHEN $5 = '' THEN approved_way ELSE $5 END,
		approved_name = CASE WHEN $6 = '' THEN approved_name ELSE $6 END WHERE id = $1 AND state = $2`, id, from, to, millis(tx.Now), way, name)
}

// AddApproval keeps the record of an approval; ErrExists if the withdrawal has one.
func (tx *Tx) AddApproval(withdrawalID, verificationID string, document, fingerprint, signatureHash []byte, record Ref) error {
	return tx.add(`INSERT INTO approvals (withdrawal_id, verification_id, document, fingerprint, signature_hash, record, record_opening, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		withdrawalID, verificationID, document, fingerprint, signatureHash, record.Event, record.Opening, millis(tx.Now))
}

// UsedAddress tells when a withdrawal to this address and memo was last approved; ErrNotFound if never.
func (tx *Tx) UsedAddress(accountID, network, address, memo string) (time.Time, error) {
	var last time.Time
	for _, index := range tx.keys.MACs("address-index", []byte(network), []byte(address)) {
		err := tx.row([]any{at{&last}}, `SELECT decided_at FROM withdrawals WHERE account_id = $1 AND network = $2 AND address_index = $3 AND memo = $4 AND state IN ('approved', 'handed_over')
			ORDER BY decided_at DESC LIMIT 1`, accountID, network, index, memo)
		if !errors.Is(err, ErrNotFound) {
			return last, err
		}
	}
	return last, ErrNotFound
}

// Recipient is where withdrawals go: another memo is another recipient.
type Recipient struct{ Network, Address, Memo string }

// UsedAddresses tells when withdrawals of an account to each recipient were last approved. Addresses are compared, not their
// keyed indexes: an entry of the book and a withdrawal may be from before and after a rotation of the key.
func (tx *Tx) UsedAddresses(accountID string) (map[Recipient]time.Time, error) {
	type used struct {
		to   Recipient
		last time.Time
	}
	list, err := rows(tx, func(u *used) []any { return []any{&u.to.Network, &u.to.Address, &u.to.Memo, at{&u.last}} },
		`SELECT network, address, memo, max(decided_at) FROM withdrawals WHERE account_id = $1 AND state IN ('approved', 'handed_over') GROUP BY network, address, memo`, accountID)
	out := map[Recipient]time.Time{}
	for _, u := range list {
		out[u.to] = u.last
	}
	return out, err
}

// Balance is what the business says an account has available of an asset.
type Balance struct{ Asset, Available string }

// Balances reads the balances that are known.
func (tx *Tx) Balances(accountID string) ([]Balance, error) {
	return rows(tx, func(b *Balance) []any { return []any{&b.Asset, &b.Available} }, `SELECT asset, available FROM balances WHERE account_id = $1 ORDER BY asset`, accountID)
}

// Balance reads one balance; ErrNotFound where the business has told none.
func (tx *Tx) Balance(accountID, asset string) (string, error) {
	var available string
	return available, tx.row([]any{&available}, `SELECT available FROM balances WHERE account_id = $1 AND asset = $2`, accountID, asset)
}

// SetBalance writes a balance.
func (tx *Tx) SetBalance(accountID, asset, available string) error {
	return tx.run(`INSERT INTO balances (account_id, asset, available) VALUES ($1, $2, $3) ON CONFLICT (account_id, asset) DO UPDATE SET available = excluded.available`, accountID, asset, available)
}

// Address is an entry of the address book.
type Address struct {
	ID, AccountID, Label, Network, Address, Memo string
	CreatedAt                                    time.Time
	sealed                                       []byte
}

func addressPlace(id string) secret.Place {
	return secret.Place{Table: "addresses", Column: "address", Row: id}
}

// AddAddress saves an address. ErrExists if the book has it, under whichever key.
func (tx *Tx) AddAddress(a *Address) error {
	if _, err := tx.SavedAddress(a.AccountID, a.Network, a.Address, a.Memo); err == nil {
		return ErrExists
	} else if !errors.Is(err, ErrNotFound) {
		return err
	}
	return tx.add(`INSERT INTO addresses (id, account_id, label, network, address_sealed, address_index, memo, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		a.ID, a.AccountID, a.Label, a.Network, tx.keys.Seal(addressPlace(a.ID), []byte(a.Address)), tx.addressIndex(a.Network, a.Address), a.Memo, millis(a.CreatedAt))
}

// SavedAddress reads the entry of the book with this address and memo; ErrNotFound if there is none.
func (tx *Tx) SavedAddress(accountID, network, address, memo string) (*Address, error) {
	a := Address{AccountID: accountID, Network: network, Address: address, Memo: memo}
	for _, index := range tx.keys.MACs("address-index", []byte(network), []byte(address)) {
		err := tx.row([]any{&a.ID, &a.Label, at{&a.CreatedAt}}, `SELECT id, label, created_at FROM addresses WHERE account_id = $1 AND network = $2 AND address_index = $3 AND memo = $4`,
			accountID, network, index, memo)
		if !errors.Is(err, ErrNotFound) {
			return &a, err
		}
	}
	return nil, ErrNotFound
}

// CountAddresses tells how many entries the address book has.
func (tx *Tx) CountAddresses(accountID string) (n int, err error) {
	return n, tx.row([]any{&n}, `SELECT count(*) FROM addresses WHERE account_id = $1`, accountID)
}

// Addresses reads the address book, 500 entries at most.
func (tx *Tx) Addresses(accountID string) ([]Address, error) {
	list, err := rows(tx, func(a *Address) []any {
		return []any{&a.ID, &a.AccountID, &a.Label, &a.Network, &a.sealed, &a.Memo, at{&a.CreatedAt}}
	}, `SELECT id, account_id, label, network, address_sealed, memo, created_at FROM addresses WHERE account_id = $1 ORDER BY id DESC LIMIT 500`, accountID)
	if err != nil {
		return nil, err
	}
	for i := range list {
		b, err := tx.keys.Open(addressPlace(list[i].ID), list[i].sealed)
		if err != nil {
			return nil, err
		}
		list[i].Address = string(b)
	}
	return list, nil
}

// DeleteAddress takes an entry out of the book.
func (tx *Tx) DeleteAddress(accountID, id string) (bool, error) {
	return tx.once(`DELETE FROM addresses WHERE account_id = $1 AND id = $2`, accountID, id)
}
