import { api, withQuery } from '$lib/api/client';
import type { ActivityEvent, Page, Passkey } from '$lib/api/types';

/** Looks up the names of the passkeys that events speak of by id; asks only if one does, and fails to no names. */
export async function passkeyNames(events: ActivityEvent[]): Promise<(id: string) => string> {
  if (!events.some((event) => event.data['passkey'])) return () => '';
  try {
    const { items } = await api.get<Page<Passkey>>(withQuery('/v1/passkeys', { limit: 100 }));
    const names = new Map(items.map((passkey) => [passkey.id, passkey.name]));
    return (id) => names.get(id) ?? '';
  } catch {
    return () => ''; // the list says what happened without them too
  }
}
