import { expect, test } from 'vitest';
import { countries, countryOf, e164, regionsNear } from './countries';

const all = countries('en');
const of = (region: string) => {
  const found = all.find((country) => country.region === region);
  if (!found) throw new Error(region);
  return found;
};

test('a national number loses its trunk zero, an Italian one keeps it', () => {
  expect(e164('07700 900 078', of('GB'))).toBe('+447700900078');
  expect(e164('7700 900078', of('GB'))).toBe('+447700900078');
  expect(e164('02 1234 5678', of('IT'))).toBe('+390212345678');
});

test('a whole number is taken as it is, whatever country is chosen', () => {
  expect(e164('+49 (151) 1234-5678', of('GB'))).toBe('+4915112345678');
  expect(e164('0049 151 12345678', of('GB'))).toBe('+4915112345678');
});

test('what cannot be a number is none', () => {
  expect(e164('', of('GB'))).toBeNull();
  expect(e164('12', of('GB'))).toBeNull();
  expect(e164('call me', of('GB'))).toBeNull();
  expect(e164('+44 7700 900 078 900 078', of('GB'))).toBeNull();
});

test('the country of a number, where several share a code', () => {
  expect(countryOf('447700900078', all, '')?.region).toBe('GB');
  expect(countryOf('14165550100', all, 'CA')?.region).toBe('CA');
  expect(countryOf('14165550100', all, '')?.region).toBe('US');
  expect(countryOf('886912345678', all, '')?.region).toBe('TW');
  expect(countryOf('999', all, '')).toBeUndefined();
});

test('the regions of the browser’s languages, each once', () => {
  expect(regionsNear(['en-GB', 'en', 'pt-PT', 'en-GB', '*'])).toEqual(['GB', 'PT']);
});
