import { describe, expect, it } from 'vitest';
import { readAmount, worth } from './amount';

describe('an amount as it is typed', () => {
  it.each([
    ['250', '250'],
    [' 250.00 ', '250'],
    ['0.10', '0.1'],
    ['.5', '0.5'],
    ['5.', '5'],
    ['007', '7'],
    ['٢٥٠.٥', '250.5'],
    ['２５', '25'],
    ['123456789012345678901234567890.000001', '123456789012345678901234567890.000001'],
  ])('%j is the shortest plain decimal %s', (text, value) => {
    expect(readAmount(text, 6)).toEqual({ ok: true, value });
  });

  it.each([
    ['', 'empty'],
    ['1,5', 'comma'],
    ['1٫5', 'comma'],
    ['1e3', 'shape'],
    ['-1', 'shape'],
    ['1.2.3', 'shape'],
    ['.', 'shape'],
    ['0.00', 'zero'],
    ['0.0000001', 'decimals'],
  ])('%j is not guessed at: %s', (text, problem) => {
    expect(readAmount(text, 6)).toEqual({ ok: false, problem });
  });

  it('zeros beyond the places that an asset has change nothing', () => {
    expect(readAmount('1.1000000000', 2)).toEqual({ ok: true, value: '1.1' });
  });
});

describe('what it is worth', () => {
  it.each([
    ['250', '6180', '6180', '250.00'],
    ['0.2064', '0.4128', '35665.92', '17832.96'],
    ['0.000000000000000001', '3', '9109.3', '0.00'],
  ])('%s of %s that are worth %s: %s', (value, available, fiat, expected) => {
    expect(worth(value, available, fiat)).toBe(expected);
  });

  it('is unknown where nothing is available', () => {
    expect(worth('1', '0', '0')).toBeNull();
  });
});
