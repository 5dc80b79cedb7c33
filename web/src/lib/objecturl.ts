/** Lets go of an object URL when nothing that was on the page can still be loading from it: what finds it gone is an error in the console. */
export function release(url: string): void {
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
