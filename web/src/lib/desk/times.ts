import { clock } from '$lib/upload/format';
import type { Recording, Step } from './types';

export interface Place {
  recording: string;
  /** Into the recording. */
  seconds: number;
}

// A busy device begins to record a little after it was told to, and its recording is that much shorter than it lasted.
const lateMs = 3000;

/** Where in which recording a moment lies; null if in none. A recording that does not know its end is taken to reach an hour. */
export function placeOf(
  at: string,
  recordings: Pick<Recording, 'id' | 'started_at' | 'duration_ms' | 'state'>[],
): Place | null {
  for (const { id, started_at, duration_ms, state } of recordings) {
    if (!started_at || state !== 'ready') continue;
    const ms = Date.parse(at) - Date.parse(started_at);
    const end = duration_ms || 3_600_000;
    if (ms >= 0 && ms <= end + lateMs) return { recording: id, seconds: Math.min(ms, end) / 1000 };
  }
  return null;
}

/** "0:27", "12:05": a place in a recording. Whole seconds, rounded down, as players count. */
export function playTime(seconds: number): string {
  return clock(Number.isFinite(seconds) ? seconds * 1000 : 0);
}

/** Whether a step says that something stopped. */
export function isStop(step: Pick<Step, 'step'>): boolean {
  return step.step === 'failed' || step.step === 'refused';
}

/** How many of the same stops in a row this one is: 1, 2, 3 …; what lies between two tries does not count. */
export function tryNumber(steps: Step[], index: number): number {
  const own = steps[index];
  if (!own || !isStop(own)) return 0;
  let n = 1;
  for (let i = index - 1; i >= 0; i--) {
    const step = steps[i];
    if (!step || !isStop(step)) continue;
    if (step.step !== own.step || step.error !== own.error || step.code !== own.code) break;
    n++;
  }
  return n;
}

/** "6 min", "22 min", "1 h", "3 d": how long somebody has waited. */
export function age(since: string, now: number = Date.now()): string {
  const minutes = Math.max(0, Math.floor((now - Date.parse(since)) / 60_000));
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.floor(hours / 24)} d`;
}

/** "41 ms", "0.4 s", "12 s": how long a device took to answer. */
export function took(ms: number | null | undefined): string {
  if (ms === undefined || ms === null) return '';
  if (ms < 100) return `${Math.round(ms)} ms`;
  return ms < 10_000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 1000)} s`;
}
