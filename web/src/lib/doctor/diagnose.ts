import type { AttemptOperation, Failure } from '$lib/webauthn/attempt';
import type { Signals, SystemName } from './signals';

/** The rows of the decision table; each has its words in locales/en/doctor.ts. */
export type Cause =
  | 'insecure' // D1
  | 'in_app' // D2
  | 'no_api' // D3
  | 'old_system' // D3: the system is below the floor, so no newer browser would help
  | 'screen_lock' // D4
  | 'windows_hello' // D5
  | 'no_local' // D6
  | 'closed_early' // D7
  | 'lost_tap' // D8
  | 'dismissed' // D9
  | 'timed_out' // D10
  | 'already_here' // D11
  | 'key_unverified' // D12
  | 'incompatible' // D13
  | 'manager' // D14
  | 'our_setup' // D15
  | 'framed' // D15: a page of ours inside another's frame
  | 'our_bug' // D16
  | 'not_used' // D17
  | 'removed' // D18
  | 'expired' // D19
  | 'offline' // D21
  | 'check_skipped' // D22
  | 'unknown'
  | 'ready';

export type Verdict = 'ready' | 'fixable' | 'not_here';

export type Action =
  | 'check_again'
  | 'try_again'
  | 'another_device'
  | 'use_codes'
  | 'copy_link'
  | 'open_https'
  | 'see_passkeys'
  | 'support'
  | 'reload';

export type CheckId =
  'address' | 'browser' | 'system' | 'api' | 'connection' | 'lock' | 'window' | 'manager' | 'passkey' | 'service';

export interface Check {
  id: CheckId;
  ok: boolean;
}

export interface Diagnosis {
  cause: Cause;
  verdict: Verdict;
  /** The failing one first. */
  checks: Check[];
  primary: Action;
  secondary: Action | null;
  /** What may be done when it still fails, in the order of the FAQ; only what applies. */
  next: ('update' | 'try_again' | 'support')[];
}

/** How the browser's cause is told: what the row is called in the decision table, for tests and for the report. */
export const rows: Record<Cause, string> = {
  insecure: 'D1',
  in_app: 'D2',
  no_api: 'D3',
  old_system: 'D3',
  screen_lock: 'D4',
  windows_hello: 'D5',
  no_local: 'D6',
  closed_early: 'D7',
  lost_tap: 'D8',
  dismissed: 'D9',
  timed_out: 'D10',
  already_here: 'D11',
  key_unverified: 'D12',
  incompatible: 'D13',
  manager: 'D14',
  our_setup: 'D15',
  framed: 'D15',
  our_bug: 'D16',
  not_used: 'D17',
  removed: 'D18',
  expired: 'D19',
  offline: 'D21',
  check_skipped: 'D22',
  unknown: '',
  ready: '',
};

/** The oldest that can hold passkeys at all. */
const floors: Partial<Record<SystemName, number>> = { Android: 9, iOS: 16, iPadOS: 16, macOS: 13, Windows: 10 };

export function belowFloor({ name, version }: Signals['system']): boolean {
  const floor = floors[name];
  return floor !== undefined && version !== '' && Number(version) < floor;
}

/** Server codes that are about the passkey, and what they mean to the person. */
const refusals: Record<string, Cause> = {
  login_refused: 'removed',
  passkey_refused: 'removed',
  passkey_suspended: 'removed',
  challenge_expired: 'expired',
  challenge_used: 'expired',
  verification_expired: 'expired',
  user_not_verified: 'check_skipped',
  passkey_exists: 'already_here',
  rate_limited: 'expired',
};

/** What went wrong, by what the browser tells and by how the last try ended. Nothing is guessed that one of them does not show. */
export function causeOf(signals: Signals, operation: AttemptOperation | null, failure: Failure | null): Cause {
  // First what no try can get past, in the order of UX.md's detection.
  if (!signals.secure) return 'insecure';
  if (signals.inApp !== null) return 'in_app';
  if (signals.framed) return 'framed';
  if (!signals.online) return 'offline';
  if (belowFloor(signals.system)) return 'old_system';
  if (!signals.hasApi) return 'no_api';

  // Then what the try itself said beyond doubt.
  if (failure && !failure.error) return refusals[failure.code] ?? 'unknown';
  switch (failure?.error) {
    case 'InvalidStateError':
      return operation === 'create' ? 'already_here' : 'unknown';
    case 'ConstraintError':
      return signals.uvpaa === false ? missingLock(signals) : 'key_unverified';
    case 'NotSupportedError':
      return 'incompatible';
    case 'NotReadableError':
    case 'UnknownError':
    case 'OperationError':
    case 'DataError':
    case 'EncodingError':
      return 'manager';
    case 'SecurityError':
      return 'our_setup';
    case 'TypeError':
      return 'our_bug';
  }

  // A device that cannot hold one explains every NotAllowedError.
  if (signals.uvpaa === false) return missingLock(signals);

  switch (failure?.error) {
    case 'TimeoutError':
      return 'timed_out';
    case 'OptOutError':
      return operation === 'create' ? 'dismissed' : 'not_used';
    case 'NotAllowedError': {
      const elapsed = failure.elapsedMs ?? 0;
      if (failure.timeoutMs && elapsed >= 0.95 * failure.timeoutMs) return 'timed_out';
      if (elapsed < 1000) return failure.visible ? 'closed_early' : 'lost_tap';
      return operation === 'create' ? 'dismissed' : 'not_used';
    }
  }
  return failure && failure.error !== 'AbortError' ? 'unknown' : 'ready';
}

function missingLock({ system }: Signals): Cause {
  if (system.name === 'Android') return 'screen_lock';
  if (system.name === 'Windows') return 'windows_hello';
  return 'no_local';
}

interface Treatment {
  verdict: Verdict;
  /** Which check failed; null where all of them stand and the try itself was cut short. */
  fails: CheckId | null;
  primary: Action;
  secondary: Action | null;
  next: Diagnosis['next'];
}

const all: Diagnosis['next'] = ['update', 'try_again', 'support'];
const again: Diagnosis['next'] = ['try_again', 'support'];

const treatments: Record<Cause, Treatment> = {
  insecure: { verdict: 'fixable', fails: 'address', primary: 'open_https', secondary: null, next: ['support'] },
  in_app: { verdict: 'fixable', fails: 'window', primary: 'copy_link', secondary: 'use_codes', next: again },
  framed: { verdict: 'fixable', fails: 'window', primary: 'copy_link', secondary: 'use_codes', next: again },
  offline: { verdict: 'fixable', fails: 'connection', primary: 'check_again', secondary: null, next: again },
  old_system: { verdict: 'not_here', fails: 'system', primary: 'use_codes', secondary: 'check_again', next: all },
  no_api: { verdict: 'not_here', fails: 'api', primary: 'use_codes', secondary: 'check_again', next: all },
  screen_lock: { verdict: 'fixable', fails: 'lock', primary: 'check_again', secondary: 'use_codes', next: all },
  windows_hello: { verdict: 'fixable', fails: 'lock', primary: 'check_again', secondary: 'another_device', next: all },
  no_local: { verdict: 'not_here', fails: 'lock', primary: 'another_device', secondary: 'use_codes', next: all },
  closed_early: { verdict: 'fixable', fails: 'manager', primary: 'try_again', secondary: 'another_device', next: all },
  lost_tap: { verdict: 'fixable', fails: null, primary: 'try_again', secondary: 'use_codes', next: all },
  dismissed: { verdict: 'fixable', fails: null, primary: 'try_again', secondary: 'use_codes', next: all },
  timed_out: { verdict: 'fixable', fails: null, primary: 'try_again', secondary: 'use_codes', next: again },
  already_here: { verdict: 'ready', fails: null, primary: 'see_passkeys', secondary: null, next: ['support'] },
  key_unverified: {
    verdict: 'fixable',
    fails: 'manager',
    primary: 'another_device',
    secondary: 'use_codes',
    next: again,
  },
  incompatible: { verdict: 'not_here', fails: 'manager', primary: 'another_device', secondary: 'use_codes', next: all },
  manager: { verdict: 'fixable', fails: 'manager', primary: 'try_again', secondary: 'use_codes', next: all },
  our_setup: { verdict: 'fixable', fails: 'service', primary: 'use_codes', secondary: 'try_again', next: ['support'] },
  our_bug: { verdict: 'fixable', fails: 'service', primary: 'reload', secondary: 'use_codes', next: ['support'] },
  not_used: { verdict: 'fixable', fails: 'passkey', primary: 'try_again', secondary: 'use_codes', next: all },
  removed: {
    verdict: 'fixable',
    fails: 'passkey',
    primary: 'use_codes',
    secondary: 'another_device',
    next: ['support'],
  },
  expired: { verdict: 'fixable', fails: null, primary: 'try_again', secondary: 'use_codes', next: again },
  check_skipped: { verdict: 'fixable', fails: 'manager', primary: 'use_codes', secondary: 'try_again', next: all },
  unknown: { verdict: 'fixable', fails: null, primary: 'try_again', secondary: 'use_codes', next: all },
  ready: { verdict: 'ready', fails: null, primary: 'check_again', secondary: null, next: all },
};

/** From what is known to what is shown. Pure: the same in always gives the same out. */
export function diagnose(signals: Signals, operation: AttemptOperation | null, failure: Failure | null): Diagnosis {
  const cause = causeOf(signals, operation, failure);
  const { verdict, fails, primary, secondary, next } = treatments[cause];

  const checks: Check[] = [];
  const show = (id: CheckId, ok: boolean) => checks.push({ id, ok: ok && id !== fails });
  show('address', signals.secure);
  show('browser', true);
  if (signals.system.name) show('system', !belowFloor(signals.system));
  show('api', signals.hasApi);
  if (signals.uvpaa !== undefined) show('lock', signals.uvpaa);
  show('connection', signals.online);
  if (signals.inApp !== null || signals.framed) show('window', false);
  if (fails && !checks.some((check) => check.id === fails)) show(fails, false);
  checks.sort((a, b) => rank(a, fails) - rank(b, fails));
  return { cause, verdict, checks, primary, secondary, next };
}

const rank = (check: Check, fails: CheckId | null) => (check.id === fails ? 0 : check.ok ? 2 : 1);
