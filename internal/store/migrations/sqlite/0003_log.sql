-- The audit log: a tree of hashes over the events (internal/auditlog), in tiles as c2sp.org/tlog-tiles has them.
ALTER TABLE audit_events ADD COLUMN salt BLOB;                            -- the key of the event's commitment; gone once it is redacted
ALTER TABLE audit_events ADD COLUMN mac BLOB;                             -- that this service wrote it
ALTER TABLE audit_events ADD COLUMN subject BLOB;                         -- of some kinds: the commitment to what an approval shows of them
ALTER TABLE audit_events ADD COLUMN leaf INTEGER NOT NULL DEFAULT -1;     -- which leaf of the tree it is; -1 not yet, -2 refused
ALTER TABLE audit_events ADD COLUMN redacted_at INTEGER NOT NULL DEFAULT 0;
CREATE INDEX audit_events_unsequenced ON audit_events (id) WHERE leaf = -1;
CREATE UNIQUE INDEX audit_events_by_leaf ON audit_events (leaf) WHERE leaf >= 0;
CREATE INDEX audit_events_of_ends ON audit_events (account_id, id) WHERE kind IN ('withdrawal.handed_over', 'withdrawal.declined', 'withdrawal.cancelled', 'withdrawal.expired');

ALTER TABLE passkeys ADD COLUMN registration INTEGER NOT NULL DEFAULT 0;  -- the event of its creation
ALTER TABLE passkeys ADD COLUMN registration_opening BLOB;               -- and what opens its subject
ALTER TABLE approvals ADD COLUMN registration INTEGER NOT NULL DEFAULT 0; -- and the same of the passkey that approved, which may go
ALTER TABLE approvals ADD COLUMN registration_opening BLOB;
ALTER TABLE approvals ADD COLUMN record INTEGER NOT NULL DEFAULT 0;       -- the event of the approval itself
ALTER TABLE approvals ADD COLUMN record_opening BLOB;
CREATE UNIQUE INDEX approvals_by_record ON approvals (record) WHERE record > 0;
ALTER TABLE withdrawals ADD COLUMN handed_over_event INTEGER NOT NULL DEFAULT 0;

CREATE TABLE log_tiles (
  level  INTEGER NOT NULL,                          -- of hashes, from 0; -1 holds the entries themselves
  number INTEGER NOT NULL,
  width  INTEGER NOT NULL,                          -- how many of its 256 places are filled
  data   BLOB NOT NULL,
  PRIMARY KEY (level, number)
) STRICT;

CREATE TABLE log_state (
  name       TEXT PRIMARY KEY,                      -- log
  generation INTEGER NOT NULL,                      -- of the origin: another after every restore from a backup
  size       INTEGER NOT NULL,
  checkpoint TEXT NOT NULL,                         -- a signed note
  cosigned   TEXT NOT NULL,                         -- the newest that witnesses have cosigned
  cosigned_at INTEGER NOT NULL,
  runs       INTEGER NOT NULL,                      -- whoever sequences moves it first: of two copies one goes away at once
  at         INTEGER NOT NULL
) STRICT;
