import { describe, expect, it } from 'vitest';
import { support } from '$locales/support';
import { limit } from './format';
import { bitsPerSecond, limitsOf } from './limits';

const MiB = 1024 * 1024;

describe('what the service says it takes', () => {
  const config = {
    retention_days: 90,
    recording_bytes: 20 * MiB,
    recording_seconds: 120,
    guest_recording_bytes: 10 * MiB,
    piece_bytes: MiB,
  };

  it('is less for somebody without a session', () => {
    expect(limitsOf(config, true)).toEqual({ bytes: 20 * MiB, ms: 120_000, days: 90 });
    expect(limitsOf(config, false).bytes).toBe(10 * MiB);
  });

  it('holds a recording of the whole time that is allowed', () => {
    for (const limits of [
      { bytes: 50 * MiB, ms: 300_000 },
      { bytes: 2 * MiB, ms: 60_000 },
      { bytes: 10 * MiB, ms: 3_600_000 },
    ])
      expect((bitsPerSecond(limits) / 8) * (limits.ms / 1000)).toBeLessThan(limits.bytes);
    expect(bitsPerSecond({ bytes: 2 * MiB, ms: 60_000 })).toBeGreaterThan(200_000);
  });
});

describe('the words for it', () => {
  it('count days and minutes, and one of them is one', () => {
    expect(support.kept(30)).toContain(' 30 days after');
    expect(support.kept(1)).toContain(' 1 day after');
    expect(support.limits(300_000, '100 MB')).toBe('MP4, WebM or MOV, up to 5 minutes and 100 MB.');
    expect(support.limits(60_000, '9 MB')).toBe('MP4, WebM or MOV, up to 1 minute and 9 MB.');
    expect(support.limits(45_000, '9 MB')).toBe('MP4, WebM or MOV, up to 45 seconds and 9 MB.');
    expect(support.tooLong(120_000)).toContain('longer than 2 minutes');
  });

  it('name a size that is taken, whichever way somebody’s system counts', () => {
    expect(limit(100 * MiB)).toBe('100 MB');
    expect(limit(100 * MiB - 1)).toBe('99 MB');
    expect(limit(512 * 1024)).toMatch(/^524\s?kB$/);
  });
});
