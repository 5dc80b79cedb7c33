import Laptop from '@lucide/svelte/icons/laptop';
import Monitor from '@lucide/svelte/icons/monitor';
import type { IconType } from '$lib/ui/icon';
import Phone from '$lib/ui/icons/Phone.svelte';

/** A picture of the kind of device that a browser's name speaks of: "Safari on iPhone". */
export function deviceIcon(browser: string): IconType {
  if (/iPhone|Android|Pixel|iPad|Mobile/i.test(browser)) return Phone;
  if (/Mac/i.test(browser)) return Monitor;
  return Laptop;
}
