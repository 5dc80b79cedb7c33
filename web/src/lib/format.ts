import { locale } from '$lib/i18n/index.svelte';

/** Groups the integer part of a plain decimal string for the eye. Amounts never pass through Number: it would round them. */
export function amount(decimal: string, options: { minDecimals?: number } = {}): string {
  const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(decimal);
  if (!match) return decimal;
  const [, sign = '', whole = '0', fraction = ''] = match;
  const parts = new Intl.NumberFormat(tag(), { useGrouping: true }).formatToParts(1234567.5);
  const group = parts.find((part) => part.type === 'group')?.value ?? ',';
  const point = parts.find((part) => part.type === 'decimal')?.value ?? '.';
  const grouped = whole.replace(/\B(?=(\d{3})+(?!\d))/g, group);
  const decimals = fraction.padEnd(options.minDecimals ?? 0, '0');
  return (sign && '\u2212') + grouped + (decimals && point + decimals);
}

/** An amount in the demo's currency, two decimals, split so that the fraction can be printed muted. */
export function fiat(decimal: string, symbol = '$'): { whole: string; fraction: string; text: string } {
  const text = symbol + amount(decimal, { minDecimals: 2 });
  const at = text.length - 3;
  return { whole: text.slice(0, at), fraction: text.slice(at), text };
}

/** Subtracts two plain decimal strings exactly. */
export function subtract(a: string, b: string): string {
  const scale = Math.max(a.split('.')[1]?.length ?? 0, b.split('.')[1]?.length ?? 0);
  return unscale(scaled(a, scale) - scaled(b, scale), scale);
}

/** Negative, zero or positive as a is less than, equal to or greater than b. */
export function compare(a: string, b: string): number {
  const scale = Math.max(a.split('.')[1]?.length ?? 0, b.split('.')[1]?.length ?? 0);
  const difference = scaled(a, scale) - scaled(b, scale);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

/** Whether text is a plain decimal such as "250" or "0.5": no sign, exponent or bare point. */
export function isDecimal(text: string): boolean {
  return /^(0|[1-9]\d*)(\.\d+)?$/.test(text);
}

function scaled(decimal: string, scale: number): bigint {
  const negative = decimal.startsWith('-');
  const [whole = '0', fraction = ''] = decimal.replace('-', '').split('.');
  const value = BigInt(whole + fraction.padEnd(scale, '0'));
  return negative ? -value : value;
}

function unscale(value: bigint, scale: number): string {
  const negative = value < 0n;
  const digits = (negative ? -value : value).toString().padStart(scale + 1, '0');
  const whole = digits.slice(0, digits.length - scale);
  const fraction = scale ? digits.slice(-scale).replace(/0+$/, '') : '';
  return (negative ? '-' : '') + whole + (fraction && '.' + fraction);
}

// Digits stay Latin in every language: amounts, codes and times are compared with what other systems print.
function tag(): string {
  return `${locale() === 'en' ? 'en-GB' : locale()}-u-nu-latn`;
}

type When = string | number | Date;

function formatter(options: Intl.DateTimeFormatOptions): (when: When) => string {
  return (when) => new Intl.DateTimeFormat(tag(), options).format(new Date(when));
}

/** "14:32" */
export const time = formatter({ hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
/** "14:32 GMT" for times that somebody may act on. */
export const timeWithZone = formatter({ hour: '2-digit', minute: '2-digit', hourCycle: 'h23', timeZoneName: 'short' });
/** "24 Nov 2026" */
export const date = formatter({ day: 'numeric', month: 'short', year: 'numeric' });
/** "24 Nov" */
export const shortDate = formatter({ day: 'numeric', month: 'short' });
/** "Monday, 23 November", the head of a day's group. */
export const longDay = formatter({ weekday: 'long', day: 'numeric', month: 'long' });

/** "14:32, 24 Nov 2026" */
export function dateTime(when: When): string {
  return `${time(when)}, ${date(when)}`;
}

/** "Today, 14:32", "Yesterday, 09:12", "21 Nov, 10:47", "30 Jun 2025". */
export function moment(when: When, now: Date = new Date()): string {
  const then = new Date(when);
  const days = dayNumber(now) - dayNumber(then);
  if (days === 0 || days === 1) return `${relativeDay(-days)}, ${time(then)}`;
  if (then.getFullYear() === now.getFullYear()) return `${shortDate(then)}, ${time(then)}`;
  return date(then);
}

/** "Today", "Yesterday" or the day's date: the head of a group in a list. */
export function dayHead(when: When, now: Date = new Date()): string {
  const then = new Date(when);
  const days = dayNumber(now) - dayNumber(then);
  const name = days === 0 || days === 1 ? `${relativeDay(-days)}, ` : '';
  const day = name ? new Intl.DateTimeFormat(tag(), { day: 'numeric', month: 'long' }).format(then) : longDay(then);
  return name + day;
}

function relativeDay(days: number): string {
  const word = new Intl.RelativeTimeFormat(locale(), { numeric: 'auto' }).format(days, 'day');
  return word.charAt(0).toLocaleUpperCase(locale()) + word.slice(1);
}

function dayNumber(when: Date): number {
  return Math.floor((when.getTime() - when.getTimezoneOffset() * 60_000) / 86_400_000);
}

/** "2 min ago", "in 17 h". */
export function relative(when: When, now: Date = new Date()): string {
  const seconds = Math.round((new Date(when).getTime() - now.getTime()) / 1000);
  const format = new Intl.RelativeTimeFormat(tag(), { numeric: 'auto', style: 'short' });
  const size = Math.abs(seconds);
  if (size < 60) return format.format(seconds, 'second');
  if (size < 3600) return format.format(Math.trunc(seconds / 60), 'minute');
  if (size < 86_400) return format.format(Math.trunc(seconds / 3600), 'hour');
  return format.format(Math.trunc(seconds / 86_400), 'day');
}

/** What is left until then: "17 h 6 min", "6 min", "48 s"; "" once it has passed. */
export function span(until: When, now: Date = new Date()): string {
  const seconds = Math.ceil((new Date(until).getTime() - now.getTime()) / 1000);
  if (seconds <= 0) return '';
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.ceil(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
}

/** A countdown's face: "0:48". */
export function clock(seconds: number): string {
  const left = Math.max(0, Math.ceil(seconds));
  return `${Math.floor(left / 60)}:${String(left % 60).padStart(2, '0')}`;
}
