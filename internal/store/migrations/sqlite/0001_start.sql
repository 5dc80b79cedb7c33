-- Times are Unix milliseconds, durations milliseconds. 0 stands for "never" where a time may be absent.
-- Columns named *_sealed hold values encrypted by internal/secret for just this row and column.

CREATE TABLE settings (
  name  TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT;

CREATE TABLE accounts (
  id               TEXT PRIMARY KEY,
  handle           BLOB NOT NULL UNIQUE,            -- WebAuthn user handle: 64 random bytes
  name             TEXT NOT NULL,
  locale           TEXT NOT NULL,
  frozen           INTEGER NOT NULL DEFAULT 0,
  password_hash    TEXT NOT NULL,                   -- Argon2id, PHC string
  security_version INTEGER NOT NULL DEFAULT 1,      -- grows with every change that voids what was begun before
  phrase_sealed    BLOB,
  hold_since       INTEGER NOT NULL DEFAULT 0,
  hold_until       INTEGER NOT NULL DEFAULT 0,
  hold_reason      TEXT NOT NULL DEFAULT '',
  passkeys         INTEGER NOT NULL DEFAULT 0,      -- counted here, so that 10,000 passkeys cost a login nothing
  powerful         INTEGER NOT NULL DEFAULT 0,      -- those that are not suspended and may approve withdrawals
  usable           INTEGER NOT NULL DEFAULT 0,      -- those that are not suspended
  created_at       INTEGER NOT NULL,
  erased_at        INTEGER NOT NULL DEFAULT 0,       -- what is left then is the id, for what the law keeps
  erasing          INTEGER NOT NULL DEFAULT 0        -- until the last of its data is gone: 1, or 2 with its withdrawals
) STRICT;
CREATE INDEX accounts_erasing ON accounts (id) WHERE erasing > 0;

CREATE TABLE factors (
  account_id   TEXT NOT NULL REFERENCES accounts (id),
  kind         TEXT NOT NULL,
  value_sealed BLOB NOT NULL,                       -- address, E.164 number or TOTP secret
  value_index  BLOB,                                -- keyed index of address or number; NULL for authenticators
  hint         TEXT NOT NULL,
  last_step    INTEGER NOT NULL DEFAULT 0,          -- last accepted TOTP time step (RFC 6238)
  bound_at     INTEGER NOT NULL,
  PRIMARY KEY (account_id, kind)
) STRICT;
CREATE UNIQUE INDEX factors_by_value ON factors (kind, value_index) WHERE value_index IS NOT NULL;

-- Addresses that were replaced, told of security events until a time.
CREATE TABLE former_emails (
  id           TEXT PRIMARY KEY,
  account_id   TEXT NOT NULL REFERENCES accounts (id),
  value_sealed BLOB NOT NULL,
  until        INTEGER NOT NULL,
  may_freeze   INTEGER NOT NULL DEFAULT 1           -- whether it gets "this wasn't me" links
) STRICT;
CREATE INDEX former_emails_by_account ON former_emails (account_id);

CREATE TABLE devices (                              -- browsers that have signed in before
  account_id  TEXT NOT NULL REFERENCES accounts (id),
  device_hash BLOB NOT NULL,
  created_at  INTEGER NOT NULL,
  PRIMARY KEY (account_id, device_hash)
) STRICT, WITHOUT ROWID;

-- A token names its session, so that a login writes to this one tree and to no index.
CREATE TABLE sessions (
  account_id   TEXT NOT NULL REFERENCES accounts (id),
  id           TEXT NOT NULL,
  token_hash   BLOB NOT NULL,
  method       TEXT NOT NULL,                       -- passkey | codes
  passkey_id   TEXT NOT NULL DEFAULT '',
  epoch        INTEGER NOT NULL,
  browser      TEXT NOT NULL,
  address      TEXT NOT NULL,                       -- of the client, as the trusted proxies give it
  created_at   INTEGER NOT NULL,
  last_seen_at INTEGER NOT NULL,
  expires_at   INTEGER NOT NULL,                    -- absolute limit
  ended_at     INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (account_id, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_expiry ON sessions (expires_at);   -- grows at its end: many logins share its page

-- No index has last_used_at, which every login changes. The long columns come last, so that reading the others skips them.
CREATE TABLE passkeys (
  account_id         TEXT NOT NULL REFERENCES accounts (id),
  id                 TEXT NOT NULL,
  credential_id      BLOB NOT NULL UNIQUE,          -- unique over all accounts
  public_key         BLOB NOT NULL,                 -- COSE_Key
  algorithm          INTEGER NOT NULL,
  aaguid             BLOB NOT NULL,
  transports         TEXT NOT NULL,                 -- JSON array
  sign_count         INTEGER NOT NULL,
  backup_eligible    INTEGER NOT NULL,
  backup_state       INTEGER NOT NULL,
  format             TEXT NOT NULL,
  rp_id              TEXT NOT NULL,
  name               TEXT NOT NULL,
  withdrawal_power   INTEGER NOT NULL,
  suspended_at       INTEGER NOT NULL DEFAULT 0,
  created_at         INTEGER NOT NULL,
  created_session    TEXT NOT NULL,
  created_on         TEXT NOT NULL,
  last_used_at       INTEGER NOT NULL DEFAULT 0,
  last_used_from     TEXT NOT NULL DEFAULT '',
  client_data_json   BLOB NOT NULL,                 -- with attestation_object, the evidence of how the key came here
  attestation_object BLOB NOT NULL,
  PRIMARY KEY (account_id, id)
) STRICT;

CREATE TABLE verifications (
  id               TEXT PRIMARY KEY,
  account_id       TEXT NOT NULL,                   -- '' for a registration or a decoy
  purpose          TEXT NOT NULL,
  object           TEXT NOT NULL,
  payload_sealed   BLOB,                            -- what the action needs: new address, new password's hash, …
  session_id       TEXT NOT NULL,                   -- '' where begun without one
  device_hash      BLOB,                            -- then the secret of the browser that began it
  budget_key       BLOB NOT NULL,                   -- whose budget of failures its wrong codes are taken from
  security_version INTEGER NOT NULL,
  epoch            INTEGER NOT NULL,
  status           TEXT NOT NULL,                   -- pending | done | void
  proven_by        TEXT NOT NULL DEFAULT '',        -- '' | codes | passkey: the proof by what was bound before
  password_asked   INTEGER NOT NULL,
  password_matched INTEGER NOT NULL DEFAULT 0,
  decoy            INTEGER NOT NULL DEFAULT 0,      -- no code ever matches
  failures         INTEGER NOT NULL DEFAULT 0,
  challenges       INTEGER NOT NULL DEFAULT 0,
  browser          TEXT NOT NULL,
  address          TEXT NOT NULL,
  created_at       INTEGER NOT NULL,
  expires_at       INTEGER NOT NULL,
  done_at          INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX verifications_by_expiry ON verifications (expires_at);

-- What one verification has of one factor. target is 'bound', or 'new' for the factor being bound.
CREATE TABLE verification_factors (
  verification_id TEXT NOT NULL REFERENCES verifications (id) ON DELETE CASCADE,
  target          TEXT NOT NULL,
  kind            TEXT NOT NULL,
  hint            TEXT NOT NULL,
  code_mac        BLOB,
  sent_at         INTEGER NOT NULL DEFAULT 0,
  code_expires_at INTEGER NOT NULL DEFAULT 0,
  matched_at      INTEGER NOT NULL DEFAULT 0,
  last_step       INTEGER NOT NULL DEFAULT 0,       -- of a new authenticator
  PRIMARY KEY (verification_id, target, kind)
) STRICT;

CREATE TABLE ceremonies (
  id              TEXT PRIMARY KEY,
  verification_id TEXT NOT NULL REFERENCES verifications (id) ON DELETE CASCADE,
  kind            TEXT NOT NULL,                    -- create | get
  challenge       BLOB NOT NULL UNIQUE,
  nonce           BLOB,                             -- of a withdrawal: the challenge is re-derived from it
  origin          TEXT NOT NULL,
  rp_id           TEXT NOT NULL,
  created_at      INTEGER NOT NULL,
  expires_at      INTEGER NOT NULL,
  consumed_at     INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX ceremonies_by_verification ON ceremonies (verification_id, id);

-- Login challenges authenticate themselves; only spent ones are kept, so that none is spent twice. The expiry, which the challenge's
-- MAC covers as well, comes first: what is spent in the same minutes lies together, and is purged together.
CREATE TABLE spent_challenges (
  expires_at INTEGER NOT NULL,
  nonce      BLOB NOT NULL,
  PRIMARY KEY (expires_at, nonce)
) STRICT, WITHOUT ROWID;

CREATE TABLE balances (
  account_id TEXT NOT NULL REFERENCES accounts (id),
  asset      TEXT NOT NULL,
  available  TEXT NOT NULL,                         -- exact decimal
  PRIMARY KEY (account_id, asset)
) STRICT;

CREATE TABLE addresses (
  id             TEXT PRIMARY KEY,
  account_id     TEXT NOT NULL REFERENCES accounts (id),
  label          TEXT NOT NULL,
  network        TEXT NOT NULL,
  address_sealed BLOB NOT NULL,
  address_index  BLOB NOT NULL,
  memo           TEXT NOT NULL,
  created_at     INTEGER NOT NULL,
  UNIQUE (account_id, network, address_index, memo)
) STRICT;

CREATE TABLE withdrawals (
  id              TEXT PRIMARY KEY,
  account_id      TEXT NOT NULL REFERENCES accounts (id),
  idempotency_key TEXT NOT NULL,
  request_hash    BLOB NOT NULL,
  state           TEXT NOT NULL,                    -- requested | approved | handed_over | declined | cancelled | expired
  asset           TEXT NOT NULL,
  network         TEXT NOT NULL,
  address         TEXT NOT NULL,
  address_index   BLOB NOT NULL,
  memo            TEXT NOT NULL,
  amount          TEXT NOT NULL,
  fee             TEXT NOT NULL,
  address_known   TEXT NOT NULL,                    -- saved | used | new, when it was requested
  label           TEXT NOT NULL,
  requested_at    INTEGER NOT NULL,
  expires_at      INTEGER NOT NULL,
  decided_at      INTEGER NOT NULL DEFAULT 0,
  waits_until     INTEGER NOT NULL DEFAULT 0,
  approved_way    TEXT NOT NULL DEFAULT '',
  approved_name   TEXT NOT NULL DEFAULT '',
  hand_over_until INTEGER NOT NULL DEFAULT 0,
  handed_over_at  INTEGER NOT NULL DEFAULT 0,
  handed_over_by  TEXT NOT NULL DEFAULT '',         -- an API key's id
  handed_over_key TEXT NOT NULL DEFAULT '',         -- the idempotency key under which it was taken
  UNIQUE (account_id, idempotency_key)
) STRICT;
CREATE INDEX withdrawals_by_account ON withdrawals (account_id, id);
CREATE INDEX withdrawals_by_state ON withdrawals (state, expires_at);
CREATE INDEX withdrawals_by_address ON withdrawals (account_id, network, address_index);
CREATE INDEX withdrawals_to_hand_over ON withdrawals (hand_over_until, id) WHERE state = 'approved';
CREATE UNIQUE INDEX withdrawals_by_hand_over ON withdrawals (handed_over_by, handed_over_key) WHERE handed_over_by <> '';

-- By these the business's own systems are known. Of a key only its hash is kept.
CREATE TABLE api_keys (
  id          TEXT PRIMARY KEY,
  secret_hash BLOB NOT NULL UNIQUE,
  name        TEXT NOT NULL,
  created_at  INTEGER NOT NULL,
  revoked_at  INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE approvals (
  withdrawal_id   TEXT PRIMARY KEY REFERENCES withdrawals (id),
  verification_id TEXT NOT NULL,
  document        BLOB NOT NULL,                    -- as package approval marshals it
  fingerprint     BLOB NOT NULL,
  signature_hash  BLOB NOT NULL,
  created_at      INTEGER NOT NULL
) STRICT;

CREATE TABLE audit_events (
  id         INTEGER PRIMARY KEY,
  account_id TEXT NOT NULL,
  kind       TEXT NOT NULL,
  ok         INTEGER NOT NULL,
  at         INTEGER NOT NULL,
  session_id TEXT NOT NULL,
  browser    TEXT NOT NULL,
  address    TEXT NOT NULL,
  data       TEXT NOT NULL,                         -- JSON object of strings, without personal data; its owner reads it
  internal   TEXT NOT NULL                          -- for those who run the service
) STRICT;
CREATE INDEX audit_events_by_account ON audit_events (account_id, id);

CREATE TABLE outbox (
  id             TEXT PRIMARY KEY,
  account_id     TEXT NOT NULL,
  channel        TEXT NOT NULL,                     -- email | sms | none (a decoy)
  message_sealed BLOB NOT NULL,
  state          TEXT NOT NULL,                     -- queued | sent | delivered | failed
  attempts       INTEGER NOT NULL DEFAULT 0,
  due_at         INTEGER NOT NULL,                  -- also the end of a worker's lease
  expires_at     INTEGER NOT NULL,
  created_at     INTEGER NOT NULL,
  ended_at       INTEGER NOT NULL DEFAULT 0,
  reason         TEXT NOT NULL DEFAULT '',          -- of the newest failure, with the carrier's code
  carrier        TEXT NOT NULL DEFAULT '',          -- who took it, by its name in the settings
  carrier_id     TEXT NOT NULL DEFAULT '',          -- and what it is called there: receipts name it so
  counted        INTEGER NOT NULL DEFAULT 0         -- whether it was taken from what may be spent
) STRICT;
CREATE INDEX outbox_by_carrier ON outbox (carrier, carrier_id) WHERE carrier_id <> '';
CREATE INDEX outbox_due ON outbox (state, due_at);

CREATE TABLE freeze_links (                         -- "this wasn't me"
  token_hash BLOB PRIMARY KEY,
  account_id TEXT NOT NULL REFERENCES accounts (id),
  event      TEXT NOT NULL,
  at         INTEGER NOT NULL,
  browser    TEXT NOT NULL,
  address    TEXT NOT NULL,
  expires_at INTEGER NOT NULL,
  used_at    INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE budgets (                              -- failures and sendings, counted in windows
  key        BLOB PRIMARY KEY,
  used       INTEGER NOT NULL,
  resets_at  INTEGER NOT NULL,
  strikes    INTEGER NOT NULL DEFAULT 0             -- windows exhausted in a row: the wait grows with them
) STRICT, WITHOUT ROWID;
CREATE INDEX budgets_by_reset ON budgets (resets_at);

-- What an account has waiting for approval is counted before it may request more.
CREATE INDEX withdrawals_requested ON withdrawals (account_id, expires_at) WHERE state = 'requested';

-- What Purge looks for, without reading whole tables.
CREATE INDEX freeze_links_by_account ON freeze_links (account_id, expires_at);
CREATE INDEX freeze_links_by_expiry ON freeze_links (expires_at);
CREATE INDEX former_emails_by_end ON former_emails (until);
CREATE INDEX outbox_by_end ON outbox (ended_at) WHERE state <> 'queued';
