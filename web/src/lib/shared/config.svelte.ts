import { api } from '$lib/api/client';
import type { Config } from '$lib/api/types';

let current = $state<Config | null>(null);
let pending: Promise<Config> | null = null;

/** The installation's public settings, or null until they are here. */
export function config(): Config | null {
  return current;
}

/** The operator's name for the service. */
export function brand(): string {
  return current?.name ?? 'Countersign';
}

/** Fetches the settings once; later calls share the answer. A failure is forgotten, so that the next call asks again. */
export function loadConfig(): Promise<Config> {
  pending ??= api.get<Config>('/v1/config', { anonymous: true }).then(
    (answer) => (current = answer),
    (error: unknown) => {
      pending = null;
      throw error;
    },
  );
  return pending;
}
