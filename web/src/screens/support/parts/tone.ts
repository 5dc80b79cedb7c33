import type { TicketState } from '$lib/api/types';
import type { Tone } from '$lib/ui/Status.svelte';

/** A request that waits for the customer is the only one that asks for something. */
export function toneOf(state: TicketState): Tone {
  return state === 'waiting' ? 'warn' : state === 'answered' ? 'accent' : state === 'resolved' ? 'ok' : 'muted';
}
