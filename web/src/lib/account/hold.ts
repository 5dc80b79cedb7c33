import type { Hold } from '$lib/api/types';
import { shortDate, time, timeWithZone } from '$lib/format';

/** "14:32 GMT, 24 Nov": the end of a hold as a time that somebody may act on. */
export function holdEnd(hold: Pick<Hold, 'until'>): string {
  return `${timeWithZone(hold.until)}, ${shortDate(hold.until)}`;
}

/** The share of the hold that has passed, 0 to 1. */
export function holdElapsed(hold: Hold, now: number): number {
  const since = Date.parse(hold.since);
  const all = Date.parse(hold.until) - since;
  return all > 0 ? Math.min(1, Math.max(0, (now - since) / all)) : 1;
}

/** "24 h", the whole of it. */
export function holdLength(hold: Hold): string {
  return `${Math.round((Date.parse(hold.until) - Date.parse(hold.since)) / 3_600_000)} h`;
}

/** When a hold that begins now would end, as a time of that day. */
export function endOfHold(hours: number, now: number): { time: string; at: number } {
  const at = now + hours * 3_600_000;
  return { time: time(at), at };
}
