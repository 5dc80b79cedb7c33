import { expect, it } from 'vitest';
import { fill, match } from './router.svelte';

it('matches whole paths only', () => {
  expect(match('/security', '/security')).toEqual({});
  expect(match('/security', '/security/')).toEqual({});
  expect(match('/', '/')).toEqual({});
  expect(match('/security', '/security/passkeys')).toBeNull();
  expect(match('/security', '/Security')).toBeNull();
});

it('reads parameters, and refuses empty and broken ones', () => {
  expect(match('/withdraw/:id', '/withdraw/w_1')).toEqual({ id: 'w_1' });
  expect(match('/withdraw/:id', '/withdraw/a%2Fb')).toEqual({ id: 'a/b' });
  expect(match('/withdraw/:id', '/withdraw/')).toBeNull();
  expect(match('/withdraw/:id', '/withdraw/%zz')).toBeNull();
});

it('fills what it matches', () => {
  expect(match('/a/:id', fill('/a/:id', { id: 'x/y z' }))).toEqual({ id: 'x/y z' });
});
