/** An address in groups of four, as it is read and compared. */
export function groupsOf(address: string): string[] {
  return address.match(/.{1,4}/gsu) ?? [];
}

/**
 * Which groups are emphasised: the first and the last, as look-alikes are made to match there. A short last group is
 * too little to recognise, so it shares the emphasis with the one before it; "0x.." with the one after it.
 */
export function emphasised(groups: string[]): boolean[] {
  const last = groups.length - 1;
  const short = (groups[last]?.length ?? 4) < 4;
  const prefixed = /^0x/i.test(groups[0] ?? '');
  return groups.map((_, i) => i === 0 || i === last || (prefixed && i === 1) || (short && i === last - 1));
}
