import type { CheckReport } from './types';

/** The report as text to be pasted into a mail: what does not hold first. */
export function checkText(report: CheckReport): string {
  const order = { fail: 0, warn: 1, ok: 2 };
  const lines = [...report.checks]
    .sort((a, b) => order[a.status] - order[b.status])
    .map(({ status, group, id, found, needed }) => {
      const rest = status === 'ok' || !needed ? '' : `; needed: ${needed}`;
      return `${status.padEnd(4)} ${group}/${id}: ${found}${rest}`;
    });
  return [
    `Installation check, ${report.at}`,
    ...lines,
    '',
    ...report.policy.map(({ name, value }) => `${name}: ${value}`),
  ].join('\n');
}
