import { api, withQuery } from '$lib/api/client';
import type { Page, Passkey } from '$lib/api/types';

/**
 * The account's passkeys as far as they were paged through. Kept between the list and the sheet of one passkey, which
 * are two addresses of one page.
 */
let items = $state<Passkey[]>();
let total = $state(0);
let next = $state<string | null>(null);
let error = $state<unknown>();
let busy = $state(false);
let deleted = $state<{ name: string; manager: string; signalled: boolean } | null>(null);

export const list = {
  get items() {
    return items;
  },
  get total() {
    return total;
  },
  get hasMore() {
    return next !== null;
  },
  get error() {
    return error;
  },
  get busy() {
    return busy;
  },
  /** What was deleted last, to be said over the list once. */
  get deleted() {
    return deleted;
  },
  set deleted(what) {
    deleted = what;
  },
};

async function fetchPage(cursor?: string): Promise<void> {
  busy = true;
  try {
    const page = await api.get<Page<Passkey>>(withQuery('/v1/passkeys', { limit: 50, cursor }));
    items = cursor ? [...(items ?? []), ...page.items] : page.items;
    total = page.total ?? items.length;
    next = page.next ?? null;
    error = undefined;
  } catch (failed) {
    error = failed;
  } finally {
    busy = false;
  }
}

export const reload = () => fetchPage();
export const more = () => (next === null || busy ? Promise.resolve() : fetchPage(next));

/** Forgets the list: another account may be the next to look. */
export function forget(): void {
  items = undefined;
  deleted = null;
}

/** Puts a renamed passkey in its place. */
export function put(passkey: Passkey): void {
  items = items?.map((other) => (other.id === passkey.id ? passkey : other));
}
