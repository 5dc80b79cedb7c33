-- One try at a ceremony, step by step: what support and the numbers need when it fails. Nothing in it is personal data.
CREATE TABLE attempts (
  id              TEXT PRIMARY KEY,
  reference       TEXT NOT NULL UNIQUE,             -- shown to people: K7QX-2H
  account_id      TEXT NOT NULL,                    -- '' where nobody was signed in
  verification_id TEXT NOT NULL,                    -- '' at a sign-in
  device_hash     BLOB,                             -- the browser's own secret, by which it finds its attempts again
  operation       TEXT NOT NULL,                    -- create | sign_in | confirm
  platform        TEXT NOT NULL,                    -- "Android 16"
  browser         TEXT NOT NULL,                    -- "Chrome 148"
  app             TEXT NOT NULL,                    -- the web app's build, or "ios/3.2.1"
  environment     TEXT NOT NULL,                    -- JSON: what the browser says it can do
  begun_at        INTEGER NOT NULL,
  codes_at        INTEGER NOT NULL DEFAULT 0,       -- all codes matched
  prompted_at     INTEGER NOT NULL DEFAULT 0,       -- the device was asked
  ended_at        INTEGER NOT NULL DEFAULT 0,
  outcome         TEXT NOT NULL DEFAULT ''          -- '' | done | why it ended: cancelled, screen_lock_required, …
) STRICT;
CREATE INDEX attempts_by_verification ON attempts (verification_id) WHERE verification_id <> '';
CREATE INDEX attempts_by_account ON attempts (account_id, begun_at);
CREATE INDEX attempts_by_device ON attempts (device_hash, begun_at);
-- It has all that the numbers count, so that a million attempts are counted without being read.
CREATE INDEX attempts_by_time ON attempts (operation, begun_at, outcome, ended_at, prompted_at, codes_at, platform);

CREATE TABLE attempt_steps (
  attempt_id TEXT NOT NULL REFERENCES attempts (id) ON DELETE CASCADE,
  n          INTEGER NOT NULL,
  at         INTEGER NOT NULL,
  step       TEXT NOT NULL,                         -- opened | codes_matched | options_issued | prompted | failed | refused | done
  data       TEXT NOT NULL,                         -- JSON object of strings: error, code, elapsed_ms
  PRIMARY KEY (attempt_id, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE tickets (
  id             TEXT PRIMARY KEY,
  number         INTEGER NOT NULL UNIQUE,           -- shown to people: CS-2041
  account_id     TEXT NOT NULL,                     -- '' where it was opened without a session
  contact_sealed BLOB,                              -- the e-mail address that was typed then
  token_hash     BLOB UNIQUE,                       -- of the link that was sent to it
  topic          TEXT NOT NULL,
  locale         TEXT NOT NULL,
  state          TEXT NOT NULL,                     -- new | open | waiting | answered | resolved
  assigned_to    TEXT NOT NULL DEFAULT '',
  attempt_id     TEXT NOT NULL DEFAULT '',
  report_sealed  BLOB,                              -- the doctor's
  created_at     INTEGER NOT NULL,
  updated_at     INTEGER NOT NULL,
  resolved_at    INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX tickets_by_account ON tickets (account_id, id);
-- The desk's queue: what is open, the oldest first; what is resolved, the newest first. Operators ask for it all day long.
CREATE INDEX tickets_open ON tickets (id) WHERE state <> 'resolved';
CREATE INDEX tickets_open_by_operator ON tickets (assigned_to, id) WHERE state <> 'resolved';
CREATE INDEX tickets_by_state ON tickets (state, id);
CREATE INDEX tickets_by_end ON tickets (resolved_at) WHERE state = 'resolved';

-- How many were opened on a day (UTC), for the desk's numbers: the requests themselves go.
CREATE TABLE tickets_opened (
  day   INTEGER NOT NULL,
  topic TEXT NOT NULL,
  count INTEGER NOT NULL,
  PRIMARY KEY (day, topic)
) STRICT, WITHOUT ROWID;

CREATE TABLE ticket_messages (
  id          TEXT PRIMARY KEY,
  ticket_id   TEXT NOT NULL REFERENCES tickets (id) ON DELETE CASCADE,
  author      TEXT NOT NULL,                        -- customer | operator
  operator_id TEXT NOT NULL DEFAULT '',
  body_sealed BLOB NOT NULL,
  created_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX ticket_messages_by_ticket ON ticket_messages (ticket_id, id);

-- Recordings of screens. Their contents lie elsewhere, in sealed pieces (internal/blob).
CREATE TABLE recordings (
  id          TEXT PRIMARY KEY,
  account_id  TEXT NOT NULL,                        -- '' where nobody was signed in
  device_hash BLOB,                                 -- then the browser's own secret
  ticket_id   TEXT NOT NULL DEFAULT '',             -- '' until a request takes it along
  state       TEXT NOT NULL,                        -- uploading | ready | refused | deleted
  reason      TEXT NOT NULL DEFAULT '',             -- why it was refused
  media_type  TEXT NOT NULL,                        -- as declared; by content once it is ready
  captured    TEXT NOT NULL,                        -- screen | file
  bytes       INTEGER NOT NULL,                     -- declared before the first piece
  stored      INTEGER NOT NULL DEFAULT 0,           -- whole pieces so far
  pieces      TEXT NOT NULL DEFAULT '',             -- their names, 16 characters each
  duration    INTEGER NOT NULL DEFAULT 0,           -- milliseconds
  started_at  INTEGER NOT NULL DEFAULT 0,           -- when the screen began to be recorded; 0 if that is not known
  created_at  INTEGER NOT NULL,
  delete_at   INTEGER NOT NULL,
  deleted_at  INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX recordings_by_ticket ON recordings (ticket_id);
CREATE INDEX recordings_by_account ON recordings (account_id, created_at);
CREATE INDEX recordings_by_device ON recordings (device_hash, created_at);
CREATE INDEX recordings_by_end ON recordings (delete_at) WHERE deleted_at = 0;
CREATE INDEX recordings_of_nobody ON recordings (stored) WHERE account_id = '' AND deleted_at = 0;
CREATE INDEX recordings_gone ON recordings (deleted_at) WHERE deleted_at > 0;

CREATE TABLE operators (
  id           TEXT PRIMARY KEY,
  handle       BLOB NOT NULL UNIQUE,                -- WebAuthn user handle: 64 random bytes
  name         TEXT NOT NULL,
  email_sealed BLOB NOT NULL,
  role         TEXT NOT NULL,                       -- support | security | admin
  invited_by   TEXT NOT NULL,                       -- '' by the command
  created_at   INTEGER NOT NULL,
  ended_at     INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE operator_invitations (
  token_hash  BLOB PRIMARY KEY,
  operator_id TEXT NOT NULL REFERENCES operators (id),
  expires_at  INTEGER NOT NULL,
  used_at     INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX operator_invitations_by_operator ON operator_invitations (operator_id);
CREATE INDEX operator_invitations_by_expiry ON operator_invitations (expires_at);

CREATE TABLE operator_passkeys (
  id              TEXT PRIMARY KEY,
  operator_id     TEXT NOT NULL REFERENCES operators (id),
  credential_id   BLOB NOT NULL UNIQUE,
  public_key      BLOB NOT NULL,                    -- COSE_Key
  algorithm       INTEGER NOT NULL,
  sign_count      INTEGER NOT NULL,
  backup_eligible INTEGER NOT NULL,
  backup_state    INTEGER NOT NULL,
  created_at      INTEGER NOT NULL,
  last_used_at    INTEGER NOT NULL DEFAULT 0,
  suspended_at    INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX operator_passkeys_by_operator ON operator_passkeys (operator_id);

CREATE TABLE operator_sessions (
  operator_id  TEXT NOT NULL REFERENCES operators (id),
  id           TEXT NOT NULL,
  token_hash   BLOB NOT NULL,
  epoch        INTEGER NOT NULL,
  browser      TEXT NOT NULL,
  address      TEXT NOT NULL,
  created_at   INTEGER NOT NULL,
  last_seen_at INTEGER NOT NULL,
  expires_at   INTEGER NOT NULL,
  ended_at     INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (operator_id, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX operator_sessions_by_expiry ON operator_sessions (expires_at);

-- How long signing in took, for the desk's numbers: they read the index alone, and a login writes no more than before.
ALTER TABLE sessions ADD COLUMN took INTEGER NOT NULL DEFAULT 0; -- milliseconds; 0 if that is not known
DROP INDEX sessions_by_expiry;
CREATE INDEX sessions_by_expiry ON sessions (expires_at, method, took); -- grows at its end: many logins share its page

-- By it a browser that has signed in before asks for help out of its account's own budget, and not out of its neighbours'.
CREATE INDEX devices_by_hash ON devices (device_hash);

-- Who of the operators did what, looking included. Its account reads of it only what concerns its owner (audit_events.internal).
ALTER TABLE audit_events ADD COLUMN operator_id TEXT NOT NULL DEFAULT '';
-- The desk's log, with the invitations of the command, which are no operator's.
CREATE INDEX audit_events_of_desk ON audit_events (id) WHERE operator_id <> '' OR kind IN ('desk.operator_invited', 'api_key.created', 'api_key.revoked');

CREATE INDEX approvals_by_time ON approvals (created_at);
