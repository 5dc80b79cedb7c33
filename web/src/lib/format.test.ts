import { describe, expect, it } from 'vitest';
import { amount, clock, compare, dayHead, fiat, isDecimal, moment, span, subtract } from './format';

describe('amounts', () => {
  it('are grouped, never rounded', () => {
    expect(amount('1234567.000000000000000001')).toBe('1,234,567.000000000000000001');
    expect(amount('123456789012345678901234567890')).toBe('123,456,789,012,345,678,901,234,567,890');
    expect(amount('250', { minDecimals: 2 })).toBe('250.00');
    expect(amount('0.5', { minDecimals: 2 })).toBe('0.50');
    expect(amount('-250')).toBe('−250');
  });

  it('leave alone what is no decimal', () => {
    expect(amount('1e5')).toBe('1e5');
  });

  it('split their fraction off for the eye', () => {
    expect(fiat('56828.72')).toEqual({ whole: '$56,828', fraction: '.72', text: '$56,828.72' });
    expect(fiat('6180').text).toBe('$6,180.00');
  });

  it('subtract exactly', () => {
    expect(subtract('250', '1')).toBe('249');
    expect(subtract('1.25', '0.0015')).toBe('1.2485');
    expect(subtract('0.3', '0.1')).toBe('0.2');
    expect(subtract('1', '1.5')).toBe('-0.5');
    expect(subtract('1.50', '0.50')).toBe('1');
  });

  it('compare by value', () => {
    expect(compare('10', '9.999999999999999999')).toBe(1);
    expect(compare('1.0', '1')).toBe(0);
    expect(compare('0.1', '0.11')).toBe(-1);
  });

  it('are plain decimals or nothing', () => {
    for (const text of ['0', '250', '0.5', '10.000000000000000001']) expect(isDecimal(text)).toBe(true);
    for (const text of ['', '.5', '1.', '1e5', '+1', '-1', '01', '1,000', ' 1']) expect(isDecimal(text)).toBe(false);
  });
});

describe('times', () => {
  const now = new Date(2026, 10, 23, 15, 0);

  it('name near days', () => {
    expect(moment(new Date(2026, 10, 23, 14, 31), now)).toBe('Today, 14:31');
    expect(moment(new Date(2026, 10, 22, 9, 12), now)).toBe('Yesterday, 09:12');
    expect(moment(new Date(2026, 10, 21, 10, 47), now)).toBe('21 Nov, 10:47');
    expect(moment(new Date(2025, 5, 30, 10, 0), now)).toBe('30 Jun 2025');
    expect(dayHead(new Date(2026, 10, 23, 1, 0), now)).toBe('Today, 23 November');
  });

  it('count what is left', () => {
    const at = (seconds: number) => new Date(now.getTime() + seconds * 1000);
    expect(span(at(48), now)).toBe('48 s');
    expect(span(at(61), now)).toBe('2 min');
    expect(span(at(17 * 3600 + 6 * 60), now)).toBe('17 h 6 min');
    expect(span(at(24 * 3600), now)).toBe('24 h');
    expect(span(at(-1), now)).toBe('');
    expect(clock(48.2)).toBe('0:49');
    expect(clock(-3)).toBe('0:00');
  });
});
