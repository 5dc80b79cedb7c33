import type { Attempt } from '$lib/webauthn/attempt';
import { rows, type Diagnosis } from './diagnose';
import { named, reported, type Signals } from './signals';

/**
 * What support gets of this device: nothing that names a person, an account, an address or a credential. The screen prints
 * exactly these lines before they go anywhere.
 */
export interface Report {
  time: string;
  finding: string;
  operation: string;
  error: string;
  code: string;
  elapsed_ms: number | null;
  reference: string;
  system: string;
  browser: string;
  app: string;
  locale: string;
  secure: boolean;
  framed: boolean;
  standalone: boolean;
  online: boolean;
  in_app: string;
  passkeys: boolean;
  screen_lock: boolean | null;
  autofill: boolean | null;
  capabilities: Record<string, boolean>;
}

export function report(signals: Signals, diagnosis: Diagnosis, attempt: Attempt | null, now: number): Report {
  const failure = attempt?.failure ?? null;
  return {
    time: new Date(failure?.at ?? now).toISOString(),
    finding: [rows[diagnosis.cause], diagnosis.cause].filter(Boolean).join(' '),
    operation: attempt?.operation ?? '',
    error: failure?.error ?? '',
    code: failure?.code ?? '',
    elapsed_ms: failure?.elapsedMs ?? null,
    reference: attempt?.reference ?? '',
    system: named(signals.system),
    browser: named(signals.browser),
    app: reported(signals).app,
    locale: signals.locale,
    secure: signals.secure,
    framed: signals.framed,
    standalone: signals.standalone,
    online: signals.online,
    in_app: signals.inApp ?? '',
    passkeys: signals.hasApi,
    screen_lock: signals.uvpaa ?? null,
    autofill: signals.conditional ?? null,
    capabilities: signals.capabilities ?? {},
  };
}

/** One line a fact, for reading and for the clipboard. Not translated: it is for support. */
export function lines(report: Report): [label: string, value: string][] {
  const said = (value: string | number | boolean | null): string =>
    value === null || value === '' ? '–' : value === true ? 'yes' : value === false ? 'no' : String(value);
  const { capabilities, ...plain } = report;
  const all: [string, string][] = Object.entries(plain).map(([label, value]) => [
    label.replaceAll('_', ' '),
    said(value),
  ]);
  const able = Object.entries(capabilities).sort(([a], [b]) => a.localeCompare(b));
  return [...all, ...able.map(([label, value]): [string, string] => [label, said(value)])];
}

export function asText(report: Report): string {
  return lines(report)
    .map(([label, value]) => `${label}: ${value}`)
    .join('\n');
}
