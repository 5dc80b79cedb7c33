import { SvelteMap } from 'svelte/reactivity';

/** Replies that were begun, by request; they live as long as the page. */
export const drafts = new SvelteMap<string, { body: string; template: string }>();
