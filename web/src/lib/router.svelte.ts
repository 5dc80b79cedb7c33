import type { Component } from 'svelte';

/** The names after a colon in a pattern: Params<'/a/:id'> is { id: string }. */
export type Params<P extends string> = P extends `${string}:${infer Name}/${infer Rest}`
  ? { [K in Name]: string } & Params<`/${Rest}`>
  : P extends `${string}:${infer Name}`
    ? { [K in Name]: string }
    : Record<never, string>;

export interface Route {
  pattern: string;
  /** Loads the screen; it gets the path's parameters as props. */
  load: () => Promise<{ default: Component<never> }>;
  /**
   * `session`: only signed in. `none`: only signed out. `any`: both. `operator`: the desk, which has sessions of its own;
   * no customer's is asked for there.
   */
  needs: 'session' | 'none' | 'any' | 'operator';
  /** Props that the screen gets beside the parameters. */
  props?: Record<string, unknown>;
  /** Pages with the same word here are one page: going between them only changes its props. */
  stays?: string;
  /** Where somebody goes who signed in on this page, if nothing else was asked for. */
  then?: string;
}

/** The parameters if the path fits the pattern, else null. Exported for tests. */
export function match(pattern: string, path: string): Record<string, string> | null {
  const wanted = pattern.split('/');
  const given = path.replace(/(.)\/$/, '$1').split('/');
  if (wanted.length !== given.length) return null;
  const params: Record<string, string> = {};
  for (const [i, part] of wanted.entries()) {
    const value = given[i] ?? '';
    if (part.startsWith(':')) {
      if (!value) return null;
      try {
        params[part.slice(1)] = decodeURIComponent(value);
      } catch {
        return null; // a stray % in an address someone typed
      }
    } else if (part !== value) return null;
  }
  return params;
}

/** The path of a pattern with its parameters filled in. */
export function fill(pattern: string, params: Record<string, string>): string {
  return pattern.replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(params[name] ?? ''));
}

let path = $state(typeof location === 'undefined' ? '/' : location.pathname);
let search = $state(typeof location === 'undefined' ? '' : location.search);
let moves = $state(0);
let depth = 0;

/** Where the app is. Reading it in a template or effect follows it. */
export const here = {
  get path() {
    return path;
  },
  get query() {
    // A fresh copy for each reader; what is followed is the address itself.
    // eslint-disable-next-line svelte/prefer-svelte-reactivity
    return new URLSearchParams(search);
  },
  /** Counts navigations, so that going to where one is already counts too. */
  get moves() {
    return moves;
  },
};

// Nothing on a page follows it.
// eslint-disable-next-line svelte/prefer-svelte-reactivity
const leaving = new Set<() => void>();

/** Calls back when another page is gone to, unless what it returns was called before. */
export function whenLeft(then: () => void): () => void {
  leaving.add(then);
  return () => void leaving.delete(then);
}

function follow(): void {
  if (location.pathname !== path) for (const each of leaving) each();
  path = location.pathname;
  search = location.search;
  moves++;
}

/** Goes to a path of the app. `replace` leaves no entry behind: after a form is done, Back must not lead into it again. */
export function go(to: string, options: { replace?: boolean } = {}): void {
  if (options.replace) history.replaceState({ depth }, '', to);
  else history.pushState({ depth: ++depth }, '', to);
  scrollTo(0, 0);
  follow();
}

/** Back where the customer came from, or to `fallback` when this page was opened directly. */
export function back(fallback: string): void {
  if (depth > 0) history.back();
  else go(fallback, { replace: true });
}

/** Listens to history and to every plain link inside the app. */
export function startRouter(): void {
  addEventListener('popstate', (event) => {
    depth = (event.state as { depth?: number } | null)?.depth ?? 0;
    follow();
  });
  document.addEventListener('click', (event) => {
    if (
      event.defaultPrevented ||
      event.button !== 0 ||
      event.metaKey ||
      event.ctrlKey ||
      event.shiftKey ||
      event.altKey
    )
      return;
    const link = (event.target as Element | null)?.closest('a');
    if (!link || link.target || link.hasAttribute('download') || link.origin !== location.origin) return;
    if (link.getAttribute('href')?.startsWith('#') || link.dataset['external'] !== undefined) return;
    event.preventDefault();
    go(link.pathname + link.search);
  });
}
