/** An id as it is shown: without its kind, and the ends only, enough to tell two apart. */
export function shortId(id: string): string {
  const own = id.replace(/^[a-z]+_/, '');
  return own.length > 8 ? `${own.slice(0, 3)}\u00a0•••\u00a0${own.slice(-3)}` : own;
}
