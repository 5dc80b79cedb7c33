import { expect, it } from 'vitest';
import { normaliseCode } from './code';

it.each([
  ['123456', '123456'],
  ['123 456', '123456'],
  ['123-456\n', '123456'],
  ['٤٨٢٩١٣', '482913'],
  ['۴۸۲۹۱۳', '482913'],
  ['४८२९१३', '482913'],
  ['４８２　９１３', '482913'],
  ['Your code is 482 913. Ref 77', '482913'],
  ['12', '12'],
  ['', ''],
  ['abc', ''],
])('%j is %j', (typed, code) => {
  expect(normaliseCode(typed)).toBe(code);
});
