import type { PasskeyErrorCode } from './classify';

/**
 * What happened in a try at a ceremony, step by step: told to the server while it happens, and kept in this tab for the
 * doctor and for a request to support. No personal data, no codes, no credential. Loaded only when there is a step to tell.
 */
export type AttemptOperation = 'create' | 'sign_in' | 'confirm';

export type AttemptEvent =
  | { step: 'opened' | 'codes_matched' | 'prompted' | 'done' }
  | { step: 'refused'; code: string }
  | {
      step: 'failed';
      /** The error's name, as the browser gave it. */
      error: string;
      code: PasskeyErrorCode;
      elapsed_ms: number;
      timeoutMs: number;
      visible: boolean;
    };

export interface Failure {
  /** The error's name, '' for a refusal by the server. */
  error: string;
  code: string;
  elapsedMs: number | null;
  timeoutMs: number;
  visible: boolean;
  at: number;
}

export interface Attempt {
  operation: AttemptOperation;
  verification: string | null;
  /** The server's, '' until it has answered. */
  id: string;
  reference: string;
  steps: { step: string; at: number }[];
  failure: Failure | null;
  /** Where in the app it was, so that one can go back there. */
  path: string;
}

const place = 'attempt';
const sameWithinMs = 15 * 60_000;

let current: Attempt | null | undefined;

/** The last try of this tab, if any; it outlives a reload. */
export function lastAttempt(): Attempt | null {
  if (current !== undefined) return current;
  try {
    current = JSON.parse(sessionStorage.getItem(place) ?? 'null') as Attempt | null;
  } catch {
    current = null;
  }
  return current;
}

/** The last try, unless it went well: what support and the doctor are asked about. */
export function troubledAttempt(): Attempt | null {
  const attempt = lastAttempt();
  return attempt?.steps.at(-1)?.step === 'done' ? null : attempt;
}

/** Forgets it: what comes next is about something else. */
export function forgetAttempt(): void {
  current = null;
  keep();
}

function keep(): void {
  try {
    if (current) sessionStorage.setItem(place, JSON.stringify(current));
    else sessionStorage.removeItem(place);
  } catch {
    // Storage is closed to us; memory has it.
  }
}

/** Takes a step in, and tells it. */
export function note(
  operation: AttemptOperation,
  verification: string | null,
  event: AttemptEvent,
  at = Date.now(),
): void {
  const attempt = take(operation, verification, event, at);
  // The server sees by itself what is done at it, but for a sign-in: that has no verification to hang anything on. It is told
  // of only when it has failed, as one that works has nothing to tell.
  if (!verification && event.step === 'done') held = [];
  else if (!verification && event.step === 'prompted') held = [{ attempt, event, at }];
  else if (event.step === 'prompted' || event.step === 'failed' || (!verification && event.step === 'refused')) {
    for (const each of held) if (each.attempt === attempt) tell(each.attempt, each.event, each.at);
    held = [];
    tell(attempt, event, at);
  }
}

/** Exported for tests: the same without telling. */
export function take(
  operation: AttemptOperation,
  verification: string | null,
  event: AttemptEvent,
  at: number,
): Attempt {
  let attempt = lastAttempt();
  const last = attempt?.steps.at(-1);
  const over = last?.step === 'done' || (last !== undefined && at - last.at > sameWithinMs);
  if (!attempt || over || attempt.operation !== operation || attempt.verification !== verification) {
    attempt = { operation, verification, id: '', reference: '', steps: [], failure: null, path: location.pathname };
    current = attempt;
  }
  attempt.steps = [...attempt.steps, { step: event.step, at }].slice(-20);
  if (event.step === 'failed' && event.code !== 'aborted') {
    const { error, code, elapsed_ms, timeoutMs, visible } = event;
    attempt.failure = { error, code, elapsedMs: elapsed_ms, timeoutMs, visible, at };
    attempt.path = location.pathname;
  } else if (event.step === 'refused') {
    attempt.failure = { error: '', code: event.code, elapsedMs: null, timeoutMs: 0, visible: true, at };
    attempt.path = location.pathname;
  } else if (event.step === 'done') attempt.failure = null;
  keep();
  return attempt;
}

interface Waiting {
  attempt: Attempt;
  event: AttemptEvent;
  at: number;
}

let waiting: Waiting[] = [];
let held: Waiting[] = [];
let telling: Promise<void> | undefined;

// One after the other: the first answer says which attempt the later ones belong to.
function tell(attempt: Attempt, event: AttemptEvent, at: number): void {
  waiting.push({ attempt, event, at });
  telling ??= drain().finally(() => (telling = undefined));
}

async function drain(): Promise<void> {
  while (waiting.length) {
    if (!navigator.onLine) {
      addEventListener('online', () => (telling ??= drain().finally(() => (telling = undefined))), { once: true });
      return;
    }
    const first = waiting[0];
    if (!first) return;
    const batch = waiting.filter((each) => each.attempt === first.attempt);
    waiting = waiting.filter((each) => each.attempt !== first.attempt);
    await post(first.attempt, batch);
  }
}

async function post(attempt: Attempt, batch: Waiting[]): Promise<void> {
  try {
    const { environment } = await import('$lib/doctor/signals');
    const body = JSON.stringify({
      operation: attempt.operation,
      verification: attempt.verification,
      events: batch.map(({ event, at }) => ({
        step: event.step,
        at_ms_ago: Math.max(0, Date.now() - at),
        ...(event.step === 'failed' && { error: event.error, code: event.code, elapsed_ms: event.elapsed_ms }),
        ...(event.step === 'refused' && { code: event.code }),
      })),
      environment: await environment(),
    });
    const answer = await fetch('/v1/attempts', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
      body,
      keepalive: true,
      credentials: 'same-origin',
      cache: 'no-store',
    });
    if (!answer.ok) return;
    const { id, reference } = (await answer.json()) as { id: string; reference: string };
    Object.assign(attempt, { id, reference });
    keep();
  } catch {
    // Told or not, the ceremony goes its way; the doctor has it from this tab.
  }
}
