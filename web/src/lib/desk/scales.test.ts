import { describe, expect, it } from 'vitest';
import { labelledDays, linear, linePath, logarithmic, niceTicks, percent, secondTicks } from './scales';

describe('ticks are round numbers and hold the largest value', () => {
  it.each([
    [0, [0, 1]],
    [1, [0, 1]],
    [3, [0, 1, 2, 3]],
    [7, [0, 2, 4, 6, 8]],
    [354, [0, 100, 200, 300, 400]],
    [9999, [0, 5000, 10000]],
  ])('%i', (max, ticks) => expect(niceTicks(max)).toEqual(ticks));
});

it('nothing is drawn at the foot, the most at the top', () => {
  const y = linear(400, 200);
  expect([y(0), y(100), y(400)]).toEqual([200, 150, 0]);
  expect(linear(0, 200)(5)).toBe(200);
});

it('equal factors are equal distances on the logarithmic scale', () => {
  const y = logarithmic(2, 32, 100);
  expect([y(2), y(8), y(32)].map(Math.round)).toEqual([100, 50, 0]);
  expect([y(0), y(1000)]).toEqual([100, 0]);
});

it('seconds get the ticks around them', () => {
  expect(secondTicks([3, 30.5])).toEqual([2, 5, 10, 20, 40]);
  expect(secondTicks([3])).toEqual([2, 5]);
  expect(secondTicks([2])).toEqual([2, 5]);
  expect(secondTicks([])).toEqual([1, 10]);
  expect(secondTicks([5000])).toEqual([600, 1800]);
});

it('a day without a value interrupts the line', () => {
  expect(linePath([[0, 1], [1, 2], null, [3, 4]])).toBe('M0.0 1.0L1.0 2.0M3.0 4.0');
});

it('few days are labelled each, many a week apart', () => {
  expect(labelledDays(7)).toEqual([0, 1, 2, 3, 4, 5, 6]);
  expect(labelledDays(28)).toEqual([0, 7, 14, 21]);
  expect(labelledDays(90)).toEqual([0, 28, 56, 84]);
});

it('parts of one are printed in hundredths', () => {
  expect([0.874, 1, 0, 0.3333].map(percent)).toEqual(['87.4', '100', '0', '33.3']);
});
