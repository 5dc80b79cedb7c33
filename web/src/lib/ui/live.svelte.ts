import { ui } from '$locales/ui';

let message = $state('');
let shown = $state(false);
let timer: ReturnType<typeof setTimeout> | undefined;

/** What the page's one live region says now, and whether it is printed too. */
export const live = {
  get message() {
    return message;
  },
  get shown() {
    return shown;
  },
};

/** Tells screen readers, without printing: "Code sent", "Waiting for your device". */
export function announce(text: string): void {
  say(text, false);
}

/** Tells everybody, for four seconds. */
export function toast(text: string): void {
  say(text, true);
}

function say(text: string, visible: boolean): void {
  clearTimeout(timer);
  // The same words twice are read twice only if the region was empty in between.
  message = '';
  queueMicrotask(() => {
    message = text;
    shown = visible;
  });
  timer = setTimeout(() => {
    message = '';
    shown = false;
  }, 4000);
}

/** Copies and says so; where the clipboard is closed to us it says that instead. */
export async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    toast(ui.copied);
  } catch {
    toast(ui.notCopied);
  }
}
