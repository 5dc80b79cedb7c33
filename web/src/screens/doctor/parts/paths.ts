import type { Cause } from '$lib/doctor/diagnose';
import type { Signals } from '$lib/doctor/signals';
import { doctor } from '$locales/doctor';

export interface Path {
  head: string;
  steps: string[];
}

/** "On your Pixel": the make, where the browser says it, else the kind. */
export function onYour({ model, system }: Signals): string {
  const make = /^(Pixel|Galaxy|Nothing|OnePlus|Xperia|Fairphone)/.exec(model)?.[1];
  if (make) return doctor.onYour(make);
  if (system.name === 'iOS') return doctor.onYour('iPhone');
  if (system.name === 'iPadOS') return doctor.onYour('iPad');
  if (system.name === 'macOS') return doctor.onYour('Mac');
  if (system.name === 'Android') return doctor.onYour('phone');
  return system.name ? doctor.onThisComputer : doctor.onThisDevice;
}

/** The one setting that mends it, where there is one. */
export function pathFor(cause: Cause, signals: Signals): Path | null {
  if (cause === 'screen_lock') return { head: onYour(signals), steps: doctor.paths.android };
  if (cause === 'windows_hello') return { head: onYour(signals), steps: doctor.paths.windows };
  if (cause === 'no_local' && signals.system.name === 'ChromeOS') {
    return { head: onYour(signals), steps: doctor.paths.chromeos };
  }
  return null;
}

/** Why no window may have come up, by system. */
export function noPromptHint(signals: Signals): { line: string; path: Path | null } {
  const head = onYour(signals);
  switch (signals.system.name) {
    case 'iOS':
    case 'iPadOS':
      return { line: doctor.noPromptApple, path: { head, steps: doctor.paths.apple } };
    case 'macOS':
      return { line: doctor.noPromptApple, path: { head, steps: doctor.paths.macos } };
    case 'Android':
      return { line: doctor.noPromptGoogle, path: { head, steps: doctor.paths.google } };
    default:
      return { line: doctor.noPromptOther, path: null };
  }
}
