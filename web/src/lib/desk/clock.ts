import { shortDate } from '$lib/format';

const face = new Intl.DateTimeFormat('en-GB', {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
});

/** "14:12:40": with seconds, since the desk compares times with a recording's. */
export function clockTime(at: string): string {
  return face.format(new Date(at));
}

const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' });
const dayAndYear = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'short',
  year: 'numeric',
  timeZone: 'UTC',
});

/** "24 Nov": the numbers are counted by days of UTC, wherever they are read. */
export function utcDay(at: string | number): string {
  return day.format(new Date(at));
}

/** "24 Nov 2026" */
export function utcDate(at: string | number): string {
  return dayAndYear.format(new Date(at));
}

/** "14:12:40" today, "21 Nov, 03:12:09" before. */
export function clockMoment(at: string, now: Date = new Date()): string {
  const same = new Date(at).toDateString() === now.toDateString();
  return same ? clockTime(at) : `${shortDate(at)}, ${clockTime(at)}`;
}
