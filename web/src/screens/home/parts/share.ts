/** How much of the total a part is, in tenths of a percent; both plain decimal strings. */
export function share(part: string, total: string): number {
  const scale = (decimal: string) => {
    const [whole = '0', fraction = ''] = decimal.split('.');
    return BigInt(whole + fraction.padEnd(18, '0').slice(0, 18));
  };
  const all = scale(total);
  if (all === 0n) return 0;
  return parseInt(((scale(part) * 1000n + all / 2n) / all).toString(), 10);
}
