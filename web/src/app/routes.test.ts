import { expect, it } from 'vitest';
import { href, routes } from './routes';

it('every page has its file', async () => {
  const missing: string[] = [];
  for (const route of routes) {
    await route.load().catch(() => missing.push(route.pattern));
  }
  expect(missing).toEqual([]);
}, 60_000);

it('a fixed page is found before one with a parameter', () => {
  const patterns = routes.map((route) => route.pattern);
  expect(patterns.indexOf('/security/passkeys/new')).toBeLessThan(patterns.indexOf('/security/passkeys/:id'));
});

it('links carry their parameters', () => {
  expect(href('/security/passkeys/:id', { id: 'pk_1' })).toBe('/security/passkeys/pk_1');
});
