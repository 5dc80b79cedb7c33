/** A report as lines to be read: "capabilities.passkeys: true". What customers sent is only ever text. */
export function flatten(report: Record<string, unknown>, under = ''): { name: string; value: string }[] {
  return Object.entries(report).flatMap(([key, value]) => {
    const name = under ? `${under}.${key}` : key;
    if (value === null || value === undefined || value === '') return [];
    if (Array.isArray(value)) {
      if (value.every((each) => typeof each !== 'object')) return [{ name, value: value.join(', ') }];
      return value.flatMap((each, i) => flatten({ [i + 1]: each as Record<string, unknown> }, name));
    }
    if (typeof value === 'object') return flatten(value as Record<string, unknown>, name);
    return [{ name, value: typeof value === 'string' ? value : JSON.stringify(value) }];
  });
}
