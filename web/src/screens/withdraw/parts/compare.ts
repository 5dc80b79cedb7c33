/** Which groups of two addresses are the same, and which differ; counted from 1, as they are read out. */
export function compareGroups(entered: string[], saved: string[]): { alike: number[]; differ: number[] } {
  const alike: number[] = [];
  const differ: number[] = [];
  for (let i = 0; i < Math.max(entered.length, saved.length); i++) {
    (entered[i] === saved[i] ? alike : differ).push(i + 1);
  }
  return { alike, differ };
}
