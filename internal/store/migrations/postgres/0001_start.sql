-- Times are Unix milliseconds, durations milliseconds. 0 stands for "never" where a time may be absent.
-- Columns named *_sealed hold values encrypted by internal/secret for just this row and column.

CREATE TABLE settings (
  name  TEXT PRIMARY KEY,
  value BIGINT NOT NULL
);

CREATE TABLE accounts (
  id               TEXT PRIMARY KEY,
  handle           BYTEA NOT NULL UNIQUE,            -- WebAuthn user handle: 64 random bytes
  name             TEXT NOT NULL,
  locale           TEXT NOT NULL,
  frozen           BIGINT NOT NULL DEFAULT 0,
  password_hash    TEXT NOT NULL,                   -- Argon2id, PHC string
  security_version BIGINT NOT NULL DEFAULT 1,      -- grows with every change that voids what was begun before
  phrase_sealed    BYTEA,
  hold_since       BIGINT NOT NULL DEFAULT 0,
  hold_until       BIGINT NOT NULL DEFAULT 0,
  hold_reason      TEXT NOT NULL DEFAULT '',
  passkeys         BIGINT NOT NULL DEFAULT 0,      -- counted here, so that 10,000 passkeys cost a login nothing
  powerful         BIGINT NOT NULL DEFAULT 0,      -- those that are not suspended and may approve withdrawals
  usable           BIGINT NOT NULL DEFAULT 0,      -- those that are not suspended
  created_at       BIGINT NOT NULL,
  erased_at        BIGINT NOT NULL DEFAULT 0,       -- what is left then is the id, for what the law keeps
  erasing          BIGINT NOT NULL DEFAULT 0        -- until the last of its data is gone: 1, or 2 with its withdrawals
);
CREATE INDEX accounts_erasing ON accounts (id) WHERE erasing > 0;

CREATE TABLE factors (
  account_id   TEXT NOT NULL REFERENCES accounts (id),
  kind         TEXT NOT NULL,
  value_sealed BYTEA NOT NULL,                       -- address, E.164 number or TOTP secret
  value_index  BYTEA,                                -- keyed index of address or number; NULL for authenticators
  hint         TEXT NOT NULL,
  last_step    BIGINT NOT NULL DEFAULT 0,          -- last accepted TOTP time step (RFC 6238)
  bound_at     BIGINT NOT NULL,
  PRIMARY KEY (account_id, kind)
);
CREATE UNIQUE INDEX factors_by_value ON factors (kind, value_index) WHERE value_index IS NOT NULL;

-- Addresses that were replaced, told of security events until a time.
CREATE TABLE former_emails (
  id           TEXT PRIMARY KEY,
  account_id   TEXT NOT NULL REFERENCES accounts (id),
  value_sealed BYTEA NOT NULL,
  until        BIGINT NOT NULL,
  may_freeze   BIGINT NOT NULL DEFAULT 1           -- whether it gets "this wasn't me" links
);
CREATE INDEX former_emails_by_account ON former_emails (account_id);

CREATE TABLE devices (                              -- browsers that have signed in before
  account_id  TEXT NOT NULL REFERENCES accounts (id),
  device_hash BYTEA NOT NULL,
  created_at  BIGINT NOT NULL,
  PRIMARY KEY (account_id, device_hash)
);

-- A token names its session, so that a login writes to this one tree and to no index.
CREATE TABLE sessions (
  account_id   TEXT NOT NULL REFERENCES accounts (id),
  id           TEXT NOT NULL,
  token_hash   BYTEA NOT NULL,
  method       TEXT NOT NULL,                       -- passkey | codes
  passkey_id   TEXT NOT NULL DEFAULT '',
  epoch        BIGINT NOT NULL,
  browser      TEXT NOT NULL,
  address      TEXT NOT NULL,                       -- of the client, as the trusted proxies give it
  created_at   BIGINT NOT NULL,
  last_seen_at BIGINT NOT NULL,
  expires_at   BIGINT NOT NULL,                    -- absolute limit
  ended_at     BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (account_id, id)
);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);   -- grows at its end: many logins share its page

-- No index has last_used_at, which every login changes. The long columns come last, so that reading the others skips them.
CREATE TABLE passkeys (
  account_id         TEXT NOT NULL REFERENCES accounts (id),
  id                 TEXT NOT NULL,
  credential_id      BYTEA NOT NULL UNIQUE,          -- unique over all accounts
  public_key         BYTEA NOT NULL,                 -- COSE_Key
  algorithm          BIGINT NOT NULL,
  aaguid             BYTEA NOT NULL,
  transports         TEXT NOT NULL,                 -- JSON array
  sign_count         BIGINT NOT NULL,
  backup_eligible    BIGINT NOT NULL,
  backup_state       BIGINT NOT NULL,
  format             TEXT NOT NULL,
  rp_id              TEXT NOT NULL,
  name               TEXT NOT NULL,
  withdrawal_power   BIGINT NOT NULL,
  suspended_at       BIGINT NOT NULL DEFAULT 0,
  created_at         BIGINT NOT NULL,
  created_session    TEXT NOT NULL,
  created_on         TEXT NOT NULL,
  last_used_at       BIGINT NOT NULL DEFAULT 0,
  last_used_from     TEXT NOT NULL DEFAULT '',
  client_data_json   BYTEA NOT NULL,                 -- with attestation_object, the evidence of how the key came here
  attestation_object BYTEA NOT NULL,
  PRIMARY KEY (account_id, id)
);

CREATE TABLE verifications (
  id               TEXT PRIMARY KEY,
  account_id       TEXT NOT NULL,                   -- '' for a registration or a decoy
  purpose          TEXT NOT NULL,
  object           TEXT NOT NULL,
  payload_sealed   BYTEA,                            -- what the action needs: new address, new password's hash, …
  session_id       TEXT NOT NULL,                   -- '' where begun without one
  device_hash      BYTEA,                            -- then the secret of the browser that began it
  budget_key       BYTEA NOT NULL,                   -- whose budget of failures its wrong codes are taken from
  security_version BIGINT NOT NULL,
  epoch            BIGINT NOT NULL,
  status           TEXT NOT NULL,                   -- pending | done | void
  proven_by        TEXT NOT NULL DEFAULT '',        -- '' | codes | passkey: the proof by what was bound before
  password_asked   BIGINT NOT NULL,
  password_matched BIGINT NOT NULL DEFAULT 0,
  decoy            BIGINT NOT NULL DEFAULT 0,      -- no code ever matches
  failures         BIGINT NOT NULL DEFAULT 0,
  challenges       BIGINT NOT NULL DEFAULT 0,
  browser          TEXT NOT NULL,
  address          TEXT NOT NULL,
  created_at       BIGINT NOT NULL,
  expires_at       BIGINT NOT NULL,
  done_at          BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX verifications_by_expiry ON verifications (expires_at);

-- What one verification has of one factor. target is 'bound', or 'new' for the factor being bound.
CREATE TABLE verification_factors (
  verification_id TEXT NOT NULL REFERENCES verifications (id) ON DELETE CASCADE,
  target          TEXT NOT NULL,
  kind            TEXT NOT NULL,
  hint            TEXT NOT NULL,
  code_mac        BYTEA,
  sent_at         BIGINT NOT NULL DEFAULT 0,
  code_expires_at BIGINT NOT NULL DEFAULT 0,
  matched_at      BIGINT NOT NULL DEFAULT 0,
  last_step       BIGINT NOT NULL DEFAULT 0,       -- of a new authenticator
  PRIMARY KEY (verification_id, target, kind)
);

CREATE TABLE ceremonies (
  id              TEXT PRIMARY KEY,
  verification_id TEXT NOT NULL REFERENCES verifications (id) ON DELETE CASCADE,
  kind            TEXT NOT NULL,                    -- create | get
  challenge       BYTEA NOT NULL UNIQUE,
  nonce           BYTEA,                             -- of a withdrawal: the challenge is re-derived from it
  origin          TEXT NOT NULL,
  rp_id           TEXT NOT NULL,
  created_at      BIGINT NOT NULL,
  expires_at      BIGINT NOT NULL,
  consumed_at     BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX ceremonies_by_verification ON ceremonies (verification_id, id);

-- Login challenges authenticate themselves; only spent ones are kept, so that none is spent twice. The expiry, which the challenge's
-- MAC covers as well, comes first: what is spent in the same minutes lies together, and is purged together.
CREATE TABLE spent_challenges (
  expires_at BIGINT NOT NULL,
  nonce      BYTEA NOT NULL,
  PRIMARY KEY (expires_at, nonce)
);

CREATE TABLE balances (
  account_id TEXT NOT NULL REFERENCES accounts (id),
  asset      TEXT NOT NULL,
  available  TEXT NOT NULL,                         -- exact decimal
  PRIMARY KEY (account_id, asset)
);

CREATE TABLE addresses (
  id             TEXT PRIMARY KEY,
  account_id     TEXT NOT NULL REFERENCES accounts (id),
  label          TEXT NOT NULL,
  network        TEXT NOT NULL,
  address_sealed BYTEA NOT NULL,
  address_index  BYTEA NOT NULL,
  memo           TEXT NOT NULL,
  created_at     BIGINT NOT NULL,
  UNIQUE (account_id, network, address_index, memo)
);

CREATE TABLE withdrawals (
  id              TEXT PRIMARY KEY,
  account_id      TEXT NOT NULL REFERENCES accounts (id),
  idempotency_key TEXT NOT NULL,
  request_hash    BYTEA NOT NULL,
  state           TEXT NOT NULL,                    -- requested | approved | handed_over | declined | cancelled | expired
  asset           TEXT NOT NULL,
  network         TEXT NOT NULL,
  address         TEXT NOT NULL,
  address_index   BYTEA NOT NULL,
  memo            TEXT NOT NULL,
  amount          TEXT NOT NULL,
  fee             TEXT NOT NULL,
  address_known   TEXT NOT NULL,                    -- saved | used | new, when it was requested
  label           TEXT NOT NULL,
  requested_at    BIGINT NOT NULL,
  expires_at      BIGINT NOT NULL,
  decided_at      BIGINT NOT NULL DEFAULT 0,
  waits_until     BIGINT NOT NULL DEFAULT 0,
  approved_way    TEXT NOT NULL DEFAULT '',
  approved_name   TEXT NOT NULL DEFAULT '',
  hand_over_until BIGINT NOT NULL DEFAULT 0,
  handed_over_at  BIGINT NOT NULL DEFAULT 0,
  handed_over_by  TEXT NOT NULL DEFAULT '',         -- an API key's id
  handed_over_key TEXT NOT NULL DEFAULT '',         -- the idempotency key under which it was taken
  UNIQUE (account_id, idempotency_key)
);
CREATE INDEX withdrawals_by_account ON withdrawals (account_id, id);
CREATE INDEX withdrawals_by_state ON withdrawals (state, expires_at);
CREATE INDEX withdrawals_by_address ON withdrawals (account_id, network, address_index);
CREATE INDEX withdrawals_to_hand_over ON withdrawals (hand_over_until, id) WHERE state = 'approved';
CREATE UNIQUE INDEX withdrawals_by_hand_over ON withdrawals (handed_over_by, handed_over_key) WHERE handed_over_by <> '';

-- By these the business's own systems are known. Of a key only its hash is kept.
CREATE TABLE api_keys (
  id          TEXT PRIMARY KEY,
  secret_hash BYTEA NOT NULL UNIQUE,
  name        TEXT NOT NULL,
  created_at  BIGINT NOT NULL,
  revoked_at  BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE approvals (
  withdrawal_id   TEXT PRIMARY KEY REFERENCES withdrawals (id),
  verification_id TEXT NOT NULL,
  document        BYTEA NOT NULL,                    -- as package approval marshals it
  fingerprint     BYTEA NOT NULL,
  signature_hash  BYTEA NOT NULL,
  created_at      BIGINT NOT NULL
);

CREATE TABLE audit_events (
  id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  account_id TEXT NOT NULL,
  kind       TEXT NOT NULL,
  ok         BIGINT NOT NULL,
  at         BIGINT NOT NULL,
  session_id TEXT NOT NULL,
  browser    TEXT NOT NULL,
  address    TEXT NOT NULL,
  data       TEXT NOT NULL,                         -- JSON object of strings, without personal data; its owner reads it
  internal   TEXT NOT NULL                          -- for those who run the service
);
CREATE INDEX audit_events_by_account ON audit_events (account_id, id);

CREATE TABLE outbox (
  id             TEXT PRIMARY KEY,
  account_id     TEXT NOT NULL,
  channel        TEXT NOT NULL,                     -- email | sms | none (a decoy)
  message_sealed BYTEA NOT NULL,
  state          TEXT NOT NULL,                     -- queued | sent | delivered | failed
  attempts       BIGINT NOT NULL DEFAULT 0,
  due_at         BIGINT NOT NULL,                  -- also the end of a worker's lease
  expires_at     BIGINT NOT NULL,
  created_at     BIGINT NOT NULL,
  ended_at       BIGINT NOT NULL DEFAULT 0,
  reason         TEXT NOT NULL DEFAULT '',          -- of the newest failure, with the carrier's code
  carrier        TEXT NOT NULL DEFAULT '',          -- who took it, by its name in the settings
  carrier_id     TEXT NOT NULL DEFAULT '',          -- and what it is called there: receipts name it so
  counted        BIGINT NOT NULL DEFAULT 0         -- whether it was taken from what may be spent
);
CREATE INDEX outbox_by_carrier ON outbox (carrier, carrier_id) WHERE carrier_id <> '';
CREATE INDEX outbox_due ON outbox (state, due_at);

CREATE TABLE freeze_links (                         -- "this wasn't me"
  token_hash BYTEA PRIMARY KEY,
  account_id TEXT NOT NULL REFERENCES accounts (id),
  event      TEXT NOT NULL,
  at         BIGINT NOT NULL,
  browser    TEXT NOT NULL,
  address    TEXT NOT NULL,
  expires_at BIGINT NOT NULL,
  used_at    BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE budgets (                              -- failures and sendings, counted in windows
  key        BYTEA PRIMARY KEY,
  used       BIGINT NOT NULL,
  resets_at  BIGINT NOT NULL,
  strikes    BIGINT NOT NULL DEFAULT 0             -- windows exhausted in a row: the wait grows with them
);
CREATE INDEX budgets_by_reset ON budgets (resets_at);

-- What an account has waiting for approval is counted before it may request more.
CREATE INDEX withdrawals_requested ON withdrawals (account_id, expires_at) WHERE state = 'requested';

-- What Purge looks for, without reading whole tables.
CREATE INDEX freeze_links_by_account ON freeze_links (account_id, expires_at);
CREATE INDEX freeze_links_by_expiry ON freeze_links (expires_at);
CREATE INDEX former_emails_by_end ON former_emails (until);
CREATE INDEX outbox_by_end ON outbox (ended_at) WHERE state <> 'queued';
