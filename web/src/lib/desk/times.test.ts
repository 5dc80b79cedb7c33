import { describe, expect, it } from 'vitest';
import { age, placeOf, playTime, took, tryNumber } from './times';

const recording = (id: string, started_at: string | null, duration_ms: number, state = 'ready' as const) => ({
  id,
  started_at,
  duration_ms,
  state,
});

describe('a step’s time becomes a place in the recording that was running', () => {
  const first = recording('rec_1', '2026-11-23T14:12:13Z', 42_000);
  const second = recording('rec_2', '2026-11-23T14:20:00Z', 10_000);

  it('counted from where the recording began', () => {
    expect(placeOf('2026-11-23T14:12:40Z', [first, second])).toEqual({ recording: 'rec_1', seconds: 27 });
    expect(placeOf('2026-11-23T14:20:03.5Z', [first, second])).toEqual({ recording: 'rec_2', seconds: 3.5 });
  });
  it('and none before it, after it, or where nobody knows when it began', () => {
    expect(placeOf('2026-11-23T14:12:12Z', [first, second])).toBeNull();
    expect(placeOf('2026-11-23T14:12:59Z', [first, second])).toBeNull();
    expect(placeOf('2026-11-23T14:12:40Z', [recording('rec_3', null, 42_000)])).toBeNull();
  });
  it('shortly after its end it is the end: devices begin late', () => {
    expect(placeOf('2026-11-23T14:12:57Z', [first, second])).toEqual({ recording: 'rec_1', seconds: 42 });
  });
  it('nor in one that was deleted', () => {
    expect(placeOf('2026-11-23T14:12:40Z', [{ ...first, state: 'deleted' }])).toBeNull();
  });
  it('one that does not tell its length still takes it', () => {
    expect(placeOf('2026-11-23T14:22:13Z', [recording('rec_4', '2026-11-23T14:12:13Z', 0)])?.seconds).toBe(600);
  });
});

it('places are printed as players do', () => {
  expect([0, 27.9, 60, 725, NaN, Infinity].map(playTime)).toEqual(['0:00', '0:27', '1:00', '12:05', '0:00', '0:00']);
});

it('the same failure again is counted, another one begins anew', () => {
  const failed = (error: string) => ({ step: 'failed', at: '', error });
  const steps = [
    { step: 'prompted', at: '' },
    failed('NotAllowedError'),
    { step: 'prompted', at: '' },
    failed('NotAllowedError'),
    failed('SecurityError'),
  ];
  expect(steps.map((_, i) => tryNumber(steps, i))).toEqual([0, 1, 0, 2, 1]);
});

it('waiting is told in the largest whole unit', () => {
  const now = Date.parse('2026-11-23T15:00:00Z');
  expect(age('2026-11-23T14:54:10Z', now)).toBe('5 min');
  expect(age('2026-11-23T13:10:00Z', now)).toBe('1 h');
  expect(age('2026-11-20T15:00:00Z', now)).toBe('3 d');
  expect(age('2026-11-23T15:01:00Z', now)).toBe('0 min');
});

it('a device’s answer keeps a decimal only while it is short', () => {
  expect([took(41), took(412), took(12_345), took(undefined), took(null)]).toEqual(['41 ms', '0.4 s', '12 s', '', '']);
});
