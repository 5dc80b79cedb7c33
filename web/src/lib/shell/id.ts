/** An account's id as it is shown beside a name: the ends only, enough to tell two apart. */
export function shortId(id: string): string {
  return id.length > 8 ? `${id.slice(0, 3)} ••• ${id.slice(-3)}` : id;
}
