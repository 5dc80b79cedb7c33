import { untrack } from 'svelte';

/**
 * The modal dialogs that stand open, the uppermost last. While one does, the browser lets nothing that lies outside it be
 * pressed, reached by keyboard or read aloud.
 */
let open = $state.raw<HTMLDialogElement[]>([]);

const others = (dialog: HTMLDialogElement) => untrack(() => open.filter((each) => each !== dialog));

export function dialogOpened(dialog: HTMLDialogElement): void {
  open = [...others(dialog), dialog];
}

export function dialogClosed(dialog: HTMLDialogElement): void {
  open = others(dialog);
}

/**
 * An attachment for what must stay within reach over every page: it lies in the uppermost dialog while there is one, else
 * in the body, in both before everything else. A `popover="manual"` is shown again each time it moves, above all else.
 */
export function aboveDialogs(node: HTMLElement): () => void {
  $effect(() => {
    (open.at(-1) ?? document.body).prepend(node);
    if (node.popover) node.showPopover();
  });
  return () => node.remove();
}
