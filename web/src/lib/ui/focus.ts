/** Takes the focus where what had it has gone: else the keyboard and whoever hears the page would begin anew at its top. */
export function focusIfLost(element: HTMLElement | null | undefined): void {
  const active = document.activeElement;
  if (active && active !== document.body && active.checkVisibility()) return;
  element?.focus({ preventScroll: true });
}
