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
CREATE INDEX attempts_by_time ON attempts (operation, begun_at);

CREATE TABLE attempt_steps (
  attempt_id TEXT NOT NULL REFERENCES attempts (id) ON DELETE CASCADE,
  n          INTEGER NOT NULL,
  at         INTEGER NOT NULL,
  step       TEXT NOT NULL,                         -- opened | codes_matched | options_issued | prompted | failed | refused | done
  data       TEXT NOT NULL,                         -- JSON object of strings: error, code, elapsed_ms
  PRIMARY KEY (attempt_id, n)
) STRICT, WITHOUT ROWID;
