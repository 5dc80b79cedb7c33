import { expect, it } from 'vitest';
import { emphasised, groupsOf } from './address';

const marked = (address: string) => {
  const groups = groupsOf(address);
  const marks = emphasised(groups);
  return groups.filter((_, i) => marks[i]);
};

it('emphasises the ends, where look-alikes are made to match', () => {
  expect(marked('abcdefghijkl')).toEqual(['abcd', 'ijkl']);
});

it('a short last group is too little to recognise alone', () => {
  expect(marked('TQm7Vh3Kx9Zd4RpNbE6wY2sJuFcL8tGaXe')).toEqual(['TQm7', '8tGa', 'Xe']);
});

it('nor is a prefix that all addresses of a network have', () => {
  expect(marked('0x7C4e91Bd02af6635E8d1c90b7A43fF2ec0D6a1B9')).toEqual(['0x7C', '4e91', 'D6a1', 'B9']);
});

it('loses no character', () => {
  expect(groupsOf('bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq').join('')).toBe(
    'bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq',
  );
});
