/** The shapes of the HTTP interface under /v1. Times are RFC 3339 in UTC, amounts plain decimal strings. */

export type FactorKind = 'email' | 'phone' | 'authenticator';

export type Purpose =
  | 'register'
  | 'login'
  | 'password.reset'
  | 'passkey.create'
  | 'passkey.delete'
  | 'withdrawal.approve'
  | 'factor.bind'
  | 'factor.replace'
  | 'factor.unbind'
  | 'password.change'
  | 'sessions.end'
  | 'phrase.set'
  | 'address.save'
  | 'account.unfreeze';

export interface Block {
  code:
    | 'factors_incomplete'
    | 'withdrawals_on_hold'
    | 'account_frozen'
    | 'no_passkey'
    | 'passkey_without_power'
    | 'address_waiting';
  missing?: FactorKind[];
  until?: string;
  reason?: string;
}

export interface VerificationFactor {
  /** `any` before a session: which code will be asked is told to nobody. */
  kind: FactorKind | 'any';
  hint: string;
  matched: boolean;
  sent_at: string | null;
  resend_at: string | null;
  code_expires_at: string | null;
}

export interface NewFactor extends Omit<VerificationFactor, 'kind'> {
  kind: FactorKind;
  /** Base32, only for an authenticator and only once the codes of the bound factors matched. */
  secret: string | null;
  otpauth_url: string | null;
}

export interface Verification {
  id: string;
  purpose: Purpose;
  object: string;
  status: 'pending' | 'done' | 'void' | 'expired';
  expires_at: string;
  /** What the client does next; null when done. */
  next: 'proof' | 'new_factor' | 'create_passkey' | 'finish' | null;
  /** The ways that are open to give the proof. */
  ways: ('passkey' | 'codes')[];
  /** Why the passkey way is closed although the policy has one. */
  passkey_blocked: Block | null;
  /** null: the password is not asked. */
  password: null | { matched: boolean };
  factors: VerificationFactor[];
  new_factor: NewFactor | null;
  tries_left: number;
  challenges_left: number;
  /** With next = finish: the passkeys to keep from. */
  passkeys: null | Page<Passkey>;
  /** What finishing will cause, such as "24h"; to be shown before. */
  hold_after: string | null;
  withdrawal: Withdrawal | null;
  result: null | VerificationResult;
}

/** Which passkeys stay, or gain power. */
export type Keep = 'all' | 'none' | string[] | { except: string[] };

export interface VerificationResult {
  session?: Session;
  passkey?: Passkey;
  withdrawal?: Withdrawal;
  hold?: Hold;
  /** Only ever the complete list, or it would make password managers drop the rest. base64url. */
  accepted_credentials?: { rp_id: string; user_id: string; credential_ids: string[] };
}

export interface Session {
  id: string;
  account_id: string;
  method: 'passkey' | 'codes';
  created_at: string;
  expires_at: string;
}

export interface Account {
  id: string;
  name: string;
  initials: string;
  status: 'active' | 'frozen';
  locale: string;
  created_at: string;
  factors: Record<FactorKind, { bound: boolean; hint: string; since: string | null }>;
  bound_count: number;
  passkeys: { total: number; with_withdrawal_power: number };
  passkey_withdrawals: { available: boolean; blocks: Block[] };
  code_withdrawals: { available: boolean; blocks: Block[] };
  protections: { on: number; of: 4; next: 'phone' | 'authenticator' | 'passkey' | null };
  hold: Hold | null;
  phrase_set: boolean;
  sessions: number;
  session: Session;
}

export interface Hold {
  since: string;
  until: string;
  reason: 'factor_replaced' | 'factor_unbound' | 'password_reset' | 'second_factor' | 'unfrozen' | 'support';
}

export interface Passkey {
  id: string;
  name: string;
  /** "Apple Passwords", or "" when unknown. */
  provider: string;
  device: 'phone' | 'computer' | 'security_key' | 'unknown';
  synced: boolean;
  backup_eligible: boolean;
  withdrawal_power: boolean;
  suspended: boolean;
  created_at: string;
  /** "Safari on iPhone" */
  created_on: string;
  last_used_at: string | null;
  last_used_from: string;
  /** This session was opened with it. */
  current: boolean;
  /** SHA-256 of the public key in hex, for the drawn key seal. */
  seal: string;
}

export interface SessionInfo {
  id: string;
  current: boolean;
  method: 'passkey' | 'codes';
  browser: string;
  address: string;
  created_at: string;
  last_seen_at: string;
  expires_at: string;
}

export interface ActivityEvent {
  id: string;
  kind: string;
  at: string;
  ok: boolean;
  browser: string;
  address: string;
  data: Record<string, string>;
}

export interface Network {
  id: string;
  name: string;
  standard: string;
  fee: string;
  minimum: string;
  memo: 'none' | 'optional';
  minutes: number;
}

export interface Asset {
  code: string;
  name: string;
  decimals: number;
  networks: Network[];
}

export interface Balance {
  asset: string;
  available: string;
  fiat: string | null;
}

export interface Balances {
  items: Balance[];
  total_fiat: string | null;
  demo: boolean;
}

export interface Address {
  id: string;
  label: string;
  network: string;
  address: string;
  memo: string;
  created_at: string;
  last_used_at: string | null;
}

export interface Lookalike {
  address: string;
  label: string;
  groups: string[];
}

export interface AddressCheck {
  ok: boolean;
  problem?: string;
  groups: string[];
  known: Withdrawal['address_known'];
  label: string;
  lookalike: Lookalike | null;
}

export interface Withdrawal {
  id: string;
  state: 'requested' | 'approved' | 'handed_over' | 'declined' | 'cancelled' | 'expired';
  asset: string;
  network: string;
  network_name: string;
  standard: string;
  address: string;
  groups: string[];
  memo: string;
  amount: string;
  fee: string;
  receives: string;
  fiat: string | null;
  address_known: 'saved' | 'used' | 'new';
  label: string;
  lookalike: Lookalike | null;
  requested_at: string;
  expires_at: string;
  /** Of what was approved and then ended, this is the end. */
  decided_at: string | null;
  approved_at: string | null;
  handed_over_at: string | null;
  approved_by: null | { way: 'passkey' | 'codes'; passkey: string };
  /** SHA-256 of the approval, hex. */
  fingerprint: string | null;
  /** SHA-256 of the canonical details, hex. */
  details_digest: string;
  signature_digest: string | null;
  waits_until: string | null;
}

/** A recording of a screen, on its way or there. */
export interface Recording {
  id: string;
  state: 'uploading' | 'ready' | 'refused' | 'deleted';
  bytes: number;
  /** How many of them the server has; whole pieces, but for the last. */
  stored: number;
  /** Bytes of one piece. */
  piece: number;
  media_type: string;
  duration_ms: number | null;
  created_at: string;
  delete_at: string;
  /** Why it was refused. */
  reason: null | 'unsupported' | 'broken' | 'disguised' | 'too_long';
}

export type Topic =
  | 'passkey_create_failed'
  | 'passkey_sign_in_failed'
  | 'passkey_confirm_failed'
  | 'codes_not_arriving'
  | 'lost_device'
  | 'withdrawal'
  | 'other';

export type TicketState = 'new' | 'open' | 'waiting' | 'answered' | 'resolved';

/** A request to support. */
export interface Ticket {
  id: string;
  /** "CS-2041" */
  number: string;
  topic: Topic;
  state: TicketState;
  created_at: string;
  updated_at: string;
  delete_at: string | null;
  messages: { id: string; author: 'customer' | 'support'; name: string; body: string; created_at: string }[];
  recordings: Recording[];
  has_report: boolean;
  attempt: null | { reference: string; operation: string; outcome: string; steps: { step: string; at: string }[] };
}

export interface Page<T> {
  items: T[];
  next?: string | null;
  total?: number;
}

export interface Config {
  name: string;
  rp_id: string;
  rp_name: string;
  demo: boolean;
  build: string;
  password_min: number;
  fiat: 'USD' | null;
  /** What is taken of requests for help and their recordings, and for how long they are kept after the end. */
  support: {
    retention_days: number;
    recording_bytes: number;
    recording_seconds: number;
    /** Without a session. */
    guest_recording_bytes: number;
    piece_bytes: number;
  };
}

/** What one code of a refused set turned out to be. */
export type CodeResult = 'matched' | 'wrong' | 'expired' | 'used' | 'not_sent';

/** RFC 9457, with a stable code. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: string;
  request_id: string;
  field?: string;
  retry_at?: string;
  /** upload_offset: where the server is. */
  stored?: number;
  missing?: FactorKind[];
  until?: string;
  reason?: string;
  results?: Record<string, CodeResult>;
  verification?: Verification;
}
