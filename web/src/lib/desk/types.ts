/** The shapes of the desk's part of the HTTP interface, /v1/desk. Times are RFC 3339 in UTC. */

import type { FactorKind, Hold, Passkey } from '$lib/api/types';

export type Role = 'support' | 'security' | 'admin';
export type Permission = 'tickets' | 'accounts.read' | 'accounts.act' | 'check' | 'numbers' | 'operators' | 'log';

export interface Me {
  id: string;
  name: string;
  initials: string;
  role: Role;
  permissions: Permission[];
  session: { id: string; created_at: string; expires_at: string };
}

export interface Page<T> {
  items: T[];
  next?: string | null;
}

export type TicketState = 'new' | 'open' | 'waiting' | 'answered' | 'resolved';

export interface Colleague {
  id: string;
  name: string;
}

export interface TicketRow {
  id: string;
  /** "CS-2041" */
  number: string;
  topic: string;
  state: TicketState;
  /** The account's id, masked; null without an account. */
  account: string | null;
  has_recording: boolean;
  hold_until: string | null;
  frozen: boolean;
  assigned_to: Colleague | null;
  /** null while nobody waits for us. */
  waiting_since: string | null;
  locale: string;
}

export type View = 'mine' | 'unassigned' | 'waiting' | 'all' | 'resolved';

export interface Queue extends Page<TicketRow> {
  counts: { mine: number; unassigned: number; waiting: number; open: number };
}

export interface Message {
  id: string;
  author: 'customer' | 'support' | 'system';
  name: string;
  body: string;
  created_at: string;
}

export interface Recording {
  id: string;
  state: 'uploading' | 'ready' | 'refused' | 'deleted';
  bytes: number;
  stored: number;
  media_type: string;
  /** null or 0 where it is not known. */
  duration_ms: number | null;
  captured: 'screen' | 'file';
  /** When recording began; null unknown. The times of an attempt's steps link into it. */
  started_at: string | null;
  created_at: string;
  delete_at: string | null;
  reason: string | null;
}

export interface Step {
  step: string;
  at: string;
  error?: string;
  code?: string;
  elapsed_ms?: number | null;
}

export interface Attempt {
  reference: string;
  operation: 'create' | 'sign_in' | 'confirm';
  platform: string;
  browser: string;
  app: string;
  outcome: string;
  /** The likely cause; "" where nothing points to one. */
  cause: string;
  elapsed_ms: number | null;
  steps: Step[];
}

export interface Summary {
  id: string;
  masked: string;
  factors_bound: number;
  passkeys: number;
  hold: Pick<Hold, 'until'> | null;
  frozen: boolean;
}

export interface Ticket extends TicketRow {
  created_at: string;
  updated_at: string;
  resolved_at: string | null;
  delete_at: string | null;
  /** Where answers go without an account: the e-mail address, masked. */
  contact: string;
  messages: Message[];
  recordings: Recording[];
  report: Record<string, unknown> | null;
  attempt: Attempt | null;
  summary: Summary | null;
}

export interface Template {
  id: string;
  title: string;
  bodies: Record<string, string>;
}

/** An audit event, as those who run the service see it. */
export interface DeskEvent {
  id: string;
  at: string;
  kind: string;
  ok: boolean;
  browser: string;
  address: string;
  data: Record<string, string>;
  /** What its owner does not read: why exactly, or what a colleague noted. */
  reason: string;
  operator: Colleague | null;
  account: { id: string; masked: string } | null;
}

export type DeskPasskey = Pick<
  Passkey,
  'id' | 'name' | 'provider' | 'device' | 'synced' | 'withdrawal_power' | 'created_at' | 'last_used_at' | 'seal'
> & { suspended_at: string | null };

export interface DeskSession {
  method: 'passkey' | 'codes';
  browser: string;
  address: string;
  created_at: string;
  last_seen_at: string;
}

export interface DeskAccount {
  id: string;
  masked: string;
  name: string;
  status: 'active' | 'frozen';
  locale: string;
  created_at: string;
  /** Those that are bound. */
  factors: { kind: FactorKind; hint: string; since: string }[];
  passkeys: DeskPasskey[];
  /** There may be more than are listed. */
  passkeys_total: number;
  sessions: DeskSession[];
  hold: Hold | null;
  events: Page<DeskEvent>;
  tickets: { id: string; number: string; topic: string; state: TicketState; updated_at: string }[];
}

export interface Check {
  group: string;
  id: string;
  title: string;
  status: 'ok' | 'warn' | 'fail';
  found: string;
  needed: string;
  help: string;
  took_ms: number;
}

export interface CheckReport {
  at: string;
  took_ms: number;
  checks: Check[];
  policy: { name: string; value: string; default: string }[];
}

export interface Figures {
  /** Parts of one; null where nothing was counted. */
  created_rate: number | null;
  created_rate_before: number | null;
  sign_in_median_ms: number | null;
  codes_median_ms: number | null;
  passkey_share: number | null;
  passkey_share_before: number | null;
  setup_requests: number;
  began: number;
}

export interface Cause {
  code: string;
  count: number;
  platforms: { platform: string; count: number }[];
}

export interface Numbers {
  from: string;
  to: string;
  figures: Figures;
  funnel: { step: 'opened' | 'codes' | 'prompted' | 'created'; count: number }[];
  causes: Cause[];
  withdrawals_by_day: { day: string; passkey: number; codes: number }[];
  sign_in_medians: { day: string; passkey_ms: number | null; codes_ms: number | null }[];
}

export interface Operator {
  id: string;
  name: string;
  /** "" for whoever may not change the team. */
  email: string;
  role: Role;
  state: 'invited' | 'active' | 'ended';
  created_at: string;
  ended_at: string | null;
}
