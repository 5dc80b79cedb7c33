import type { Problem } from './types';

/** A refusal by the server. Only `code` decides what the app does; the texts are the app's own. */
export class ApiError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.code);
    this.name = 'ApiError';
    this.problem = problem;
  }

  get code(): string {
    return this.problem.code;
  }
  get status(): number {
    return this.problem.status;
  }
}

/** No answer came. `sent`: whether the request may have reached the server, so that "failed" would be a guess. */
export class OfflineError extends Error {
  readonly sent: boolean;

  constructor(sent: boolean) {
    super('offline');
    this.name = 'OfflineError';
    this.sent = sent;
  }
}

/** Whether the error is a refusal, and one of these codes if any are given. */
export function isApiError(error: unknown, ...codes: string[]): error is ApiError {
  return error instanceof ApiError && (codes.length === 0 || codes.includes(error.code));
}

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

interface Options {
  signal?: AbortSignal;
  /** Makes a repeated request the same request. */
  idempotencyKey?: string;
  /** 401 is an answer here, not the end of a session. */
  anonymous?: boolean;
}

const sessionEnded = new Set<() => void>();

/** Calls back when a request finds that the session is over. Returns the way to stop it. */
export function onSessionEnded(listener: () => void): () => void {
  sessionEnded.add(listener);
  return () => sessionEnded.delete(listener);
}

let build = '';
let onNewBuild: ((build: string) => void) | undefined;

/** Calls back, once, when the service answers as another build than the one that this page came with. */
export function whenNewBuild(listener: (build: string) => void): void {
  onNewBuild = listener;
}

/** Reads the build off an answer. The page itself is never kept by browsers, so the first answer is of its own build. */
export function noticeBuild(seen: string | null): void {
  if (!seen) return;
  build ||= seen;
  if (seen === build) return;
  onNewBuild?.(seen);
  onNewBuild = undefined;
}

async function request<T>(method: Method, path: string, body: unknown, options: Options = {}): Promise<T> {
  if (!navigator.onLine) throw new OfflineError(false);
  const headers: Record<string, string> = { Accept: 'application/json, application/problem+json' };
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  if (options.idempotencyKey) headers['Idempotency-Key'] = options.idempotencyKey;

  let response: Response;
  try {
    response = await fetch(path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: 'same-origin',
      cache: 'no-store',
      redirect: 'error',
      signal: options.signal,
    });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new OfflineError(true);
  }

  noticeBuild(response.headers.get('X-Build'));
  if (response.status === 204) return undefined as T;
  const text = await response.text();
  if (!response.ok) {
    const problem = asProblem(text, response);
    if (problem.status === 401 && problem.code === 'unauthenticated' && !options.anonymous) {
      for (const listener of sessionEnded) listener();
    }
    throw new ApiError(problem);
  }
  return JSON.parse(text) as T;
}

// What stands before the service may answer too, with HTML and no code.
function asProblem(text: string, response: Response): Problem {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null && 'code' in parsed) return parsed as Problem;
  } catch {
    // Not JSON: described below by its status alone.
  }
  const code = response.status === 429 ? 'rate_limited' : response.status >= 500 ? 'unavailable' : 'internal';
  return { type: 'about:blank', title: '', status: response.status, detail: '', code, request_id: '' };
}

export const api = {
  get: <T>(path: string, options?: Options) => request<T>('GET', path, undefined, options),
  post: <T>(path: string, body: unknown = {}, options?: Options) => request<T>('POST', path, body, options),
  patch: <T>(path: string, body: unknown, options?: Options) => request<T>('PATCH', path, body, options),
  delete: (path: string, options?: Options) => request<void>('DELETE', path, undefined, options),
};

/** A key for one intent: made once when the form opens, sent with each repetition. */
export function newIdempotencyKey(): string {
  return crypto.randomUUID();
}

/** The path with its query, leaving out what is undefined. */
export function withQuery(path: string, query: Record<string, string | number | undefined>): string {
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value !== undefined) params.set(key, String(value));
  }
  const text = params.toString();
  return text ? `${path}?${text}` : path;
}
