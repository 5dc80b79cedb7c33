import { locale } from '$lib/i18n/index.svelte';

/** "0:42" */
export function clock(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

/** "18.4 MB", in the thousands that people and file managers count in. */
export function size(bytes: number): string {
  const unit = bytes >= 1_000_000 ? 'megabyte' : 'kilobyte';
  const value = bytes / (unit === 'megabyte' ? 1_000_000 : 1000);
  return new Intl.NumberFormat(locale(), {
    style: 'unit',
    unit,
    unitDisplay: 'short',
    maximumFractionDigits: value < 100 ? 1 : 0,
  }).format(value);
}

/**
 * "100 MB": a size that is still taken. Some systems count a megabyte as 1,048,576 bytes and some as 1,000,000; what the
 * larger ones hold is promised, so that it is true for both.
 */
export function limit(bytes: number): string {
  const whole = Math.floor(bytes / (1024 * 1024));
  return size(whole > 0 ? whole * 1_000_000 : bytes);
}
