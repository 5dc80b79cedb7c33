import { describe, expect, it } from 'vitest';
import { checkText } from './check';
import { flatten } from './report';
import type { CheckReport } from './types';

it('a report is told line by line, without what is empty', () => {
  const report = {
    error: 'NotAllowedError',
    elapsed_ms: 412,
    capabilities: { conditionalGet: true, hybrid: false, unknown: null },
    in_app: '',
    tries: ['a', 'b'],
  };
  expect(flatten(report)).toEqual([
    { name: 'error', value: 'NotAllowedError' },
    { name: 'elapsed_ms', value: '412' },
    { name: 'capabilities.conditionalGet', value: 'true' },
    { name: 'capabilities.hybrid', value: 'false' },
    { name: 'tries', value: 'a, b' },
  ]);
});

describe('the check’s report', () => {
  const check = { group: 'time', title: '', needed: '', help: '', took_ms: 1 };
  const report: CheckReport = {
    at: '2026-11-23T15:02:11Z',
    took_ms: 12,
    checks: [
      { ...check, id: 'disk', status: 'ok', found: '41 GB free' },
      { ...check, id: 'clock', status: 'fail', found: '9 s behind', needed: '2 s' },
    ],
    policy: [{ name: 'hold_factor_replaced', value: '24 h', default: '24 h' }],
  };
  it('begins with what does not hold', () => {
    expect(checkText(report).split('\n')).toEqual([
      'Installation check, 2026-11-23T15:02:11Z',
      'fail time/clock: 9 s behind; needed: 2 s',
      'ok   time/disk: 41 GB free',
      '',
      'hold_factor_replaced: 24 h',
    ]);
  });
});
