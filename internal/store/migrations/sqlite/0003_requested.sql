-- What an account has waiting for approval is counted before it may request more.
CREATE INDEX withdrawals_requested ON withdrawals (account_id, expires_at) WHERE state = 'requested';
