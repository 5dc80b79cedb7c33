import { describe, expect, it } from 'vitest';
import type { Attempt, AttemptOperation, Failure } from '$lib/webauthn/attempt';
import { doctor } from '$locales/doctor';
import { belowFloor, causeOf, diagnose, rows, type Cause } from './diagnose';
import { asText, report } from './report';
import { browserOf, hinted, systemOf, type Signals } from './signals';

const good: Signals = {
  secure: true,
  host: 'countersign.example',
  framed: false,
  inApp: null,
  hasApi: true,
  uvpaa: true,
  conditional: true,
  capabilities: { conditionalGet: true, hybridTransport: true },
  system: { name: 'Windows', version: '11' },
  browser: { name: 'Edge', version: '148' },
  model: '',
  standalone: false,
  online: true,
  visible: true,
  locale: 'en',
};

const failed = (error: string, over: Partial<Failure> = {}): Failure => ({
  error,
  code: '',
  elapsedMs: 5000,
  timeoutMs: 300_000,
  visible: true,
  at: Date.UTC(2026, 10, 24, 14, 12, 40),
  ...over,
});
const refused = (code: string) => failed('', { code, elapsedMs: null });
const android = { name: 'Android', version: '16' } as const;
const linux = { name: 'Linux', version: '' } as const;

type Case = [
  row: string,
  cause: Cause,
  signals: Partial<Signals>,
  operation: AttemptOperation | null,
  failure: Failure | null,
];

const table: Case[] = [
  ['D1', 'insecure', { secure: false, hasApi: false }, null, null],
  ['D2', 'in_app', { inApp: 'LINE' }, null, null],
  ['D2', 'in_app', { inApp: '' }, 'create', failed('NotAllowedError', { elapsedMs: 40 })],
  ['D3', 'no_api', { hasApi: false, uvpaa: undefined }, null, null],
  ['D3', 'old_system', { system: { name: 'iOS', version: '15' } }, null, null],
  ['D4', 'screen_lock', { uvpaa: false, system: android }, null, null],
  ['D4', 'screen_lock', { uvpaa: false, system: android }, 'create', failed('NotAllowedError', { elapsedMs: 300 })],
  ['D4', 'screen_lock', { uvpaa: false, system: android }, 'create', failed('ConstraintError')],
  ['D5', 'windows_hello', { uvpaa: false }, 'create', failed('NotAllowedError', { elapsedMs: 400 })],
  ['D6', 'no_local', { uvpaa: false, system: linux }, null, null],
  ['D7', 'closed_early', {}, 'create', failed('NotAllowedError', { elapsedMs: 400 })],
  ['D7', 'closed_early', {}, 'sign_in', failed('NotAllowedError', { elapsedMs: 999 })],
  ['D8', 'lost_tap', {}, 'create', failed('NotAllowedError', { elapsedMs: 20, visible: false })],
  ['D9', 'dismissed', {}, 'create', failed('NotAllowedError')],
  ['D10', 'timed_out', {}, 'create', failed('NotAllowedError', { elapsedMs: 285_000 })],
  ['D10', 'timed_out', {}, 'confirm', failed('TimeoutError')],
  ['D11', 'already_here', {}, 'create', failed('InvalidStateError')],
  ['D11', 'already_here', {}, 'create', refused('passkey_exists')],
  ['D12', 'key_unverified', {}, 'create', failed('ConstraintError')],
  ['D13', 'incompatible', {}, 'create', failed('NotSupportedError')],
  ...['NotReadableError', 'UnknownError', 'OperationError', 'DataError'].map((name): Case => [
    'D14',
    'manager',
    {},
    'create',
    failed(name),
  ]),
  ['D15', 'our_setup', {}, 'sign_in', failed('SecurityError')],
  ['D15', 'framed', { framed: true }, 'sign_in', failed('NotAllowedError', { elapsedMs: 3 })],
  ['D16', 'our_bug', {}, 'create', failed('TypeError')],
  ['D17', 'not_used', {}, 'sign_in', failed('NotAllowedError')],
  ['D17', 'not_used', {}, 'confirm', failed('OptOutError')],
  ['D18', 'removed', {}, 'sign_in', refused('login_refused')],
  ['D19', 'expired', {}, 'confirm', refused('challenge_used')],
  ['D19', 'expired', {}, 'create', refused('challenge_expired')],
  ['D20', 'ready', {}, 'sign_in', failed('AbortError')],
  ['D21', 'offline', { online: false }, 'create', failed('NotAllowedError')],
  ['D22', 'check_skipped', {}, 'confirm', refused('user_not_verified')],
  ['', 'ready', {}, null, null],
  ['', 'unknown', {}, 'create', failed('NeverHeardOfError')],
];

describe('diagnose', () => {
  it.each(table)('%s is %s', (row, cause, over, operation, failure) => {
    const signals = { ...good, ...over };
    expect(causeOf(signals, operation, failure)).toBe(cause);
    if (row !== 'D20') expect(rows[cause]).toBe(row);
  });

  it('covers every row of the decision table', () => {
    const covered = new Set(table.map(([row]) => row));
    expect(Array.from({ length: 22 }, (_, i) => `D${i + 1}`).filter((row) => !covered.has(row))).toEqual([]);
  });

  it.each(table)(
    '%s %s: shows the failing check first, and no other as its cause',
    (_, __, over, operation, failure) => {
      const { checks, verdict, cause } = diagnose({ ...good, ...over }, operation, failure);
      expect(new Set(checks.map((check) => check.id)).size).toBe(checks.length);
      const firstOk = checks.findIndex((check) => check.ok);
      expect(checks.slice(firstOk).every((check) => check.ok)).toBe(true);
      if (cause === 'ready') {
        expect(verdict).toBe('ready');
        expect(checks.every((check) => check.ok)).toBe(true);
      }
    },
  );

  it.each(table)('%s %s: has words of its own', (_, cause) => {
    const words = doctor.causes[cause];
    expect(words.title('Chrome', 'LINE')).toBeTruthy();
    expect(words.line('Chrome', 'LINE')).toMatch(/\.$/);
  });

  it('offers an update, another try and support, in this order and only where they apply', () => {
    const next = (cause: Cause) => {
      const found = table.find(([, each]) => each === cause);
      return found ? diagnose({ ...good, ...found[2] }, found[3], found[4]).next : [];
    };
    expect(next('closed_early')).toEqual(['update', 'try_again', 'support']);
    expect(next('timed_out')).toEqual(['try_again', 'support']);
    expect(next('our_setup')).toEqual(['support']);
  });

  it('trusts a browser that does not tell: a missing answer is no failing check', () => {
    const { checks, cause } = diagnose({ ...good, uvpaa: undefined, capabilities: null }, null, null);
    expect(cause).toBe('ready');
    expect(checks.some((check) => check.id === 'lock')).toBe(false);
  });
});

describe('signals', () => {
  it.each([
    [
      'Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1',
      'iOS',
      '18',
      'Safari',
      '18.6',
    ],
    [
      'Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/148.0.0.0 Mobile Safari/537.36',
      'Android',
      '',
      'Chrome',
      '148',
    ],
    ['Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0', 'Android', '15', 'Firefox', '140'],
    [
      'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/148.0.0.0 Safari/537.36 Edg/148.0.0.0',
      'Windows',
      '',
      'Edge',
      '148',
    ],
    [
      'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/148.0.0.0 Safari/537.36',
      'Linux',
      '',
      'Chrome',
      '148',
    ],
    ['something else', '', '', '', ''],
  ])('%s', (agent, system, version, browser, browserVersion) => {
    expect(systemOf(agent)).toEqual({ name: system, version });
    expect(browserOf(agent)).toEqual({ name: browser, version: browserVersion });
  });

  it('knows an iPad that calls itself a Mac by its fingers', () => {
    const agent =
      'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15';
    expect(systemOf(agent, 5).name).toBe('iPadOS');
    expect(systemOf(agent, 0).name).toBe('macOS');
  });

  it('reads Windows 11 out of the client hints', () => {
    expect(hinted('Windows', '15.0.0')).toEqual({ name: 'Windows', version: '11' });
    expect(hinted('Windows', '10.0.0')).toEqual({ name: 'Windows', version: '10' });
    expect(hinted('Linux', '6.1')).toBeNull();
  });

  it('holds the floors only against versions that it knows', () => {
    expect(belowFloor({ name: 'Android', version: '8' })).toBe(true);
    expect(belowFloor({ name: 'Android', version: '' })).toBe(false);
    expect(belowFloor({ name: 'Linux', version: '2' })).toBe(false);
  });
});

describe('the report', () => {
  const attempt: Attempt = {
    operation: 'create',
    verification: 'ver_secret',
    id: 'att_secret',
    reference: '7H2K-QX',
    steps: [],
    failure: failed('NotAllowedError', { elapsedMs: 400, code: 'closed_early' }),
    path: '/withdraw/wd_secret',
  };

  it('names what happened, and nobody it happened to', () => {
    const text = asText(report(good, diagnose(good, 'create', attempt.failure), attempt, 0));
    expect(text).toContain('finding: D7 closed_early');
    expect(text).toContain('error: NotAllowedError');
    expect(text).toContain('elapsed ms: 400');
    expect(text).toContain('reference: 7H2K-QX');
    expect(text).toContain('browser: Edge 148');
    expect(text).toContain('time: 2026-11-24T14:12:40.000Z');
    expect(text).not.toMatch(/secret|@/);
  });

  it('can be made without any try', () => {
    const text = asText(report(good, diagnose(good, null, null), null, Date.UTC(2026, 0, 1)));
    expect(text).toContain('finding: ready');
    expect(text).toContain('error: –');
  });
});
