import type { Config } from '$lib/api/types';

/** What the service takes of a recording, and for how long it keeps it. */
export interface Limits {
  bytes: number;
  ms: number;
  days: number;
}

/** Who has no session is trusted with less. */
export function limitsOf(support: Config['support'], signedIn: boolean): Limits {
  return {
    bytes: signedIn ? support.recording_bytes : support.guest_recording_bytes,
    ms: support.recording_seconds * 1000,
    days: support.retention_days,
  };
}

/**
 * How a screen is to be recorded so that all of the time that is allowed fits into the bytes that are, with a tenth to
 * spare: encoders only come near what they are asked for. Beyond some point a screen does not look any better.
 */
export function bitsPerSecond({ bytes, ms }: Pick<Limits, 'bytes' | 'ms'>): number {
  return Math.min(1_100_000, Math.floor((0.9 * bytes * 8 * 1000) / ms));
}
