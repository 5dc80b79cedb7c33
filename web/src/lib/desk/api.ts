import { api, isApiError } from '$lib/api/client';

/*
 * The desk's own way to the service. Every path is below /v1/desk, so nothing here reaches a customer's route, and the
 * end of an operator's session is told to the desk alone: a customer who is signed in beside it does not notice.
 */

const listeners = new Set<() => void>();

/** Calls back when a request finds that the operator's session is over. Returns the way to stop it. */
export function onDeskSessionEnded(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

interface Options {
  signal?: AbortSignal;
  /** 401 is an answer here, not the end of a session. */
  anonymous?: boolean;
}

async function watched<T>(
  options: Options,
  call: (path: (rest: string) => string, signal?: AbortSignal) => Promise<T>,
) {
  try {
    return await call((rest) => `/v1/desk${rest}`, options.signal);
  } catch (error) {
    if (!options.anonymous && isApiError(error, 'unauthenticated')) for (const listener of listeners) listener();
    throw error;
  }
}

export const deskApi = {
  get: <T>(path: string, options: Options = {}) =>
    watched(options, (below, signal) => api.get<T>(below(path), { anonymous: true, signal })),
  post: <T>(path: string, body: unknown = {}, options: Options = {}) =>
    watched(options, (below, signal) => api.post<T>(below(path), body, { anonymous: true, signal })),
  patch: <T>(path: string, body: unknown, options: Options = {}) =>
    watched(options, (below, signal) => api.patch<T>(below(path), body, { anonymous: true, signal })),
  delete: (path: string, options: Options = {}) =>
    watched(options, (below, signal) => api.delete(below(path), { anonymous: true, signal })),
};

/** Where a recording's bytes are; only a <video> or a script of this origin is given them. */
export function recordingContent(id: string): string {
  return `/v1/desk/recordings/${encodeURIComponent(id)}/content`;
}
