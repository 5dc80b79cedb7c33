import type { Recording } from '$lib/api/types';
import { config } from '$lib/shared/config.svelte';
import { support } from '$locales/support';

/** Why a recording was not kept, in words; undefined for a reason that this build does not know. */
export function whyRefused(recording: Recording | undefined): string | undefined {
  const reason = recording?.reason ?? '';
  const limits = config()?.support;
  if (reason === 'too_long') return limits && support.tooLong(limits.recording_seconds * 1000);
  return support.reasons[reason];
}
