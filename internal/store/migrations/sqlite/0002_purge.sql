-- What Purge looks for, without reading whole tables. Every login writes spent_challenges and sessions: those have no index
-- for it, as their keys grow with time instead.
CREATE INDEX freeze_links_by_expiry ON freeze_links (expires_at);
CREATE INDEX former_emails_by_end ON former_emails (until);
CREATE INDEX outbox_by_end ON outbox (ended_at) WHERE state <> 'queued';

-- A spent challenge's key begins with its expiry: 8 bytes of Unix milliseconds, the highest first, before the nonce.
UPDATE spent_challenges SET nonce = unhex(printf('%016x', expires_at) || hex(nonce));
