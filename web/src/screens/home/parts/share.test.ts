import { expect, test } from 'vitest';
import { share } from './share';

test('shares are exact where floats would not be', () => {
  expect(share('35665.92', '56828.72')).toBe(628);
  expect(share('0', '56828.72')).toBe(0);
  expect(share('56828.72', '56828.72')).toBe(1000);
  expect(share('0.000000000000000001', '0.000000000000000003')).toBe(333);
  expect(share('1', '0')).toBe(0);
});
