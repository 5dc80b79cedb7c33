import type { Hold } from '$lib/api/types';
import { longDay, shortDate, timeWithZone } from '$lib/format';
import { locale } from '$lib/i18n/index.svelte';

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

/** "tomorrow", or the day's name: when a hold that has not begun would end. */
export function dayAhead(end: number, now: number): string {
  const midnight = new Date(now).setHours(0, 0, 0, 0);
  const days = Math.floor((end - midnight) / 86_400_000);
  return days === 1 ? new Intl.RelativeTimeFormat(locale(), { numeric: 'auto' }).format(1, 'day') : longDay(end);
}
