/** An account's id as it is shown beside a name: the ends only, enough to tell two apart. */
export function shortId(id: string): string {
  const own = id.replace(/^[a-z]+_/, ''); // every account's id begins alike
  return own.length > 8 ? `${own.slice(0, 3)}\u00a0•••\u00a0${own.slice(-3)}` : own;
}
